//! Seeded bugs: switchable defects that measure whether the oracle is sharp.
//!
//! One row a bug: number, name, stage, what it breaks. Without the feature `seeded-bugs` the question
//! "is it on?" is the constant `false`, and no trace of a defect is in the compiler.

macro_rules! bugs {
    ($($(#[$m:meta])* $n:literal $name:ident $stage:literal $text:literal;)*) => {
        /// A seeded bug.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Bug { $($name = $n,)* }
        /// Every seeded bug: number, name, stage, what it breaks.
        pub const BUGS: &[(u16, &str, &str, &str)] = &[$(($n, stringify!($name), $stage, $text),)*];
    };
}

bugs! {
    1 DivZeroGuardLost "translate" "div_u does not check its divisor";
    20 HighHalfZero "wide" "the high word of a sign extension is zero";
    30 AddRangeWraps "ranges" "the signed range of a sum ignores overflow at the top";
    31 GuardDroppedEarly "guards" "a guard on a small value is taken to hold";
    1 DivZeroGuardLost "translate" "i32.div_u does not check its divisor";
    200 HighRegisterMasked "encode" "a three-bit register field takes r8 as r0";
    201 ModifiedImmRotation "encode" "modified immediates rotated by 21 are rotated by 20";
    202 WideBranchOffset "encode" "a wide backward branch lands 4 bytes early";
    203 FieldMsb "encode" "BFI and BFC treat a field as one bit wider";
    204 HalfwordOffsetScale "encode" "16-bit LDRH and STRH scale their offset by one";
    205 OffsetSignLost "encode" "LDRD and STRD treat negative offsets as positive";
    206 LiveFlagsSet "encode" "the 16-bit ADD immediate is taken where flags must live";
    207 ShiftBy32 "encode" "16- and 32-bit shifts by 32 shift by 31";
}

#[cfg(feature = "seeded-bugs")]
static ACTIVE: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);

/// Turns one bug on for the whole process; 0 turns all off.
#[cfg(feature = "seeded-bugs")]
pub fn set(number: u16) {
    ACTIVE.store(number, std::sync::atomic::Ordering::SeqCst);
}

/// Whether the bug is on.
#[cfg(feature = "seeded-bugs")]
#[inline]
pub fn on(bug: Bug) -> bool {
    ACTIVE.load(std::sync::atomic::Ordering::Relaxed) == bug as u16
}

/// Whether the bug is on: never, in this build.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub const fn on(_: Bug) -> bool {
    false
}
