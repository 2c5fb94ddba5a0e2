//! x
use super::mir::MFunc;
/// x
pub fn function(f: &MFunc) -> String {
    format!("{f:#?}")
}
