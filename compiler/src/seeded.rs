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
    10 LoopParamsSwapped "translate" "a branch back to a loop exchanges its first two values";
    11 ValuedBranchInverted "translate" "br_if out of a block with results is taken where the condition is zero";
    12 ElseKeepsConstants "translate" "a local that the first arm sets to a constant has it in the second arm too";
    13 GrowReturnsNewSize "translate" "memory.grow returns the new size";
    14 ReachWithoutSize "translate" "a bounds check covers the first byte of an access only";
    15 NarrowLoadZeroed "translate" "i64.load16_s is zero-extended";
    16 JoinForgetsLast "translate" "where three branches meet, a local has its old value on the last";
    17 ResultsExchanged "translate" "the last two results of a call are exchanged";
    18 WideOverflowLost "translate" "i64.div_s does not check for overflow";
    19 GrownSizeIgnored "translate" "accesses to memory that was grown are checked against its first size";
    20 HighHalfZero "wide" "the high word of a sign extension is zero";
    21 OffsetLost "address" "offsets from 2048 lose their high bit";
    22 HoistedTooFar "schedule" "a value is computed above its operands";
    30 AddRangeWraps "ranges" "the signed range of a sum ignores overflow at the top";
    31 GuardDroppedEarly "guards" "a guard on a small value is taken to hold";
    32 LoopOneShort "ranges" "a counted loop is taken to end one step early";
    40 SharedOperandEaten "lower" "a pattern swallows an operand that something else uses";
    41 SelectSwapped "lower" "a select of two constants takes the wrong one";
    42 CarryLost "lower" "the low half of a 64-bit sum does not set the carry";
    43 ShiftAmountMask "lower" "64-bit shifts take their amount modulo 32";
    44 LowWordsSigned "lower" "64-bit comparisons ignore the low words";
    45 IndexScale "lower" "an index scaled by 8 is scaled by 4";
    46 SwitchOffByOne "lower" "a jump table is entered one past its end";
    47 CallKeepsR12 "abi" "r12 is taken to survive calls";
    50 FlagsClobbered "flags" "a 16-bit form that sets the flags is taken where they are live";
    51 LiteralMisaligned "layout" "a literal load at an odd halfword reads the word before";
    52 CalleeSaveLost "frame" "r11 is not saved when many registers are";
    53 HalfSwapped "object" "the upper half of an address is relocated as the lower";
    54 SlotsOverlap "emit" "the first spill slot lies over the last word of the outgoing stack area";
    55 ItBoundary "finish" "an IT block for `gt` is made for `ge`";
    56 BranchNotTurned "finish" "a branch over a jump goes where the jump goes, on the same condition";
    57 PairAtAnyAddress "finish" "two loads of neighbouring words become LDRD, whether or not they are aligned";
    100 PairMisaligned "abi" "64-bit register arguments start at odd registers";
    120 SegmentDropped "init" "the last piece of memory's contents is not copied";
    121 SegmentMisplaced "init" "memory's contents are copied 4 bytes too high";
    122 StartSkipped "init" "the start function is not called";
    123 GlobalHalfSet "init" "the high word of a 64-bit global starts as zero";
    124 TrapEntryLate "object" "the table of traps names the address after the trap";
    125 ThumbBitLost "object" "the symbol of the initialization function has no Thumb bit";
    126 CallAddend "link" "calls land 4 bytes late";
    127 OverlayOrder "init" "of two data segments that overlap the first wins";
    150 SlotFreedEarly "spill" "a slot is shared before a loop has read it for the last time";
    151 StoreLost "spill" "a spilled block parameter is not stored where it is defined";
    152 EdgeStoreLost "spill" "a value that leaves its register on an edge counts as stored";
    153 IncomingRemade "spill" "a stack argument is read again after a result was stored over it";
    154 CallClobberKept "assign" "a value that lives across a call keeps a register that the call clobbers";
    155 TiedUseClobbered "assign" "a tied operand that lives on is not copied first";
    156 EarlyClobberShared "assign" "a scratch definition shares the register of the operand";
    157 CallTargetOverwritten "assign" "the target of an indirect call stays in a register of an argument";
    158 LoadIntoLive "assign" "a value is loaded into the register of an operand";
    159 CycleBrokenWrong "moves" "a cycle of moves is broken without saving the first value";
    160 ParallelLost "moves" "the moves of an edge are done one after the other as they stand";
    161 CheckerSkipsClobbers "checker" "the checker believes that calls keep all registers";
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
