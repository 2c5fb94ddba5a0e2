//! x
use super::mir::MFunc;
/// x
pub fn verify(_: &MFunc) -> Result<(), String> {
    Ok(())
}
