//! Seeded bugs: switchable defects that measure whether the oracle is sharp.
//!
//! One row a bug: number, name, class, stage, what it breaks; and for a defect of a rule the line that the tables read
//! instead of the right one of that name. Classes say what kind of defect it is, stages where it was planted. Without the
//! feature `seeded-bugs` the question "is it on?" is the constant `false`, and no trace of a defect is in the compiler.
//! Checked by `oracle seeds`, which demands that each is found, and by the tests of this file.

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// Its number, by which it is turned on.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// What kind of defect it is.
    pub class: &'static str,
    /// Where it was planted: a pass, a room of the backend, or a checker.
    pub stage: &'static str,
    /// What it breaks, in words.
    pub text: &'static str,
    /// The rule's line that stands for the right one while it is on.
    pub line: Option<&'static str>,
}

macro_rules! optional {
    () => {
        None
    };
    ($line:literal) => {
        Some($line)
    };
}

macro_rules! bugs {
    ($($n:literal $name:ident $class:literal $stage:literal $text:literal $(as $line:literal)?;)*) => {
        /// A seeded bug.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Bug { $($name = $n,)* }
        /// Every seeded bug, by number.
        pub const BUGS: &[Seed] = &[$(Seed {
            number: $n,
            name: stringify!($name),
            class: $class,
            stage: $stage,
            text: $text,
            line: optional!($($line)?),
        },)*];
    };
}

#[rustfmt::skip]
bugs! {
    1 DivZeroGuardLost "traps" "translate" "div_u does not check its divisor";
    10 LoopParamsSwapped "control" "translate" "a branch back to a loop exchanges its first two values";
    11 ValuedBranchInverted "control" "translate" "br_if out of a block with results is taken where the condition is zero";
    12 ElseKeepsConstants "control" "translate" "a local that the first arm sets to a constant has it in the second arm too";
    13 GrowReturnsNewSize "memory growth" "translate" "memory.grow returns the new size";
    14 ReachWithoutSize "bounds checks" "translate" "a bounds check covers the first byte of an access only";
    15 NarrowLoadZeroed "widths" "translate" "i64.load16_s is zero-extended";
    16 JoinForgetsLast "control" "translate" "where three branches meet, a local has its old value on the last";
    17 ResultsExchanged "calls" "translate" "the last two results of a call are exchanged";
    18 WideOverflowLost "traps" "translate" "i64.div_s does not check for overflow";
    19 GrownSizeIgnored "memory growth" "translate" "accesses to memory that was grown are checked against its first size";
    20 HighHalfZero "64-bit split" "wide" "the high word of a sign extension is zero";
    21 OffsetLost "addressing" "address" "offsets from 2048 lose their high bit";
    22 HoistedTooFar "schedule" "schedule" "a value is computed above its operands";
    30 AddRangeWraps "ranges" "ranges" "the signed range of a sum ignores overflow at the top";
    31 GuardDroppedEarly "bounds checks" "guards" "a guard on a small value is taken to hold";
    32 LoopOneShort "ranges" "ranges" "a counted loop is taken to end one step early";
    40 SharedOperandEaten "lowering" "lower" "a pattern swallows an operand that something else uses";
    41 SelectSwapped "lowering" "lower" "a select of two constants takes the wrong one";
    42 CarryLost "flags" "lower" "the low half of a 64-bit sum does not set the carry";
    43 ShiftAmountMask "64-bit split" "lower" "64-bit shifts take their amount modulo 32";
    44 LowWordsSigned "64-bit split" "lower" "64-bit comparisons ignore the low words";
    45 IndexScale "addressing" "lower" "an index scaled by 8 is scaled by 4";
    46 SwitchOffByOne "jump tables" "lower" "a jump table is entered one past its end";
    47 CallKeepsR12 "calls" "abi" "r12 is taken to survive calls";
    50 FlagsClobbered "flags" "flags" "a 16-bit form that sets the flags is taken where they are live";
    51 LiteralMisaligned "pools" "layout" "a literal load at an odd halfword reads the word before";
    52 CalleeSaveLost "frame" "frame" "r11 is not saved when many registers are";
    53 HalfSwapped "relocations" "object" "the upper half of an address is relocated as the lower";
    54 SlotsOverlap "frame" "emit" "the first spill slot lies over the last word of the outgoing stack area";
    55 ItBoundary "IT blocks" "finish" "an IT block for `gt` is made for `ge`";
    56 BranchNotTurned "relaxation" "finish" "a branch over a jump goes where the jump goes, on the same condition";
    57 PairAtAnyAddress "addressing" "finish" "two loads of neighbouring words become LDRD, whether or not they are aligned";
    100 PairMisaligned "calling convention" "abi" "64-bit register arguments start at odd registers";
    120 SegmentDropped "initialization" "init" "the last piece of memory's contents is not copied";
    121 SegmentMisplaced "initialization" "init" "memory's contents are copied 4 bytes too high";
    122 StartSkipped "initialization" "init" "the start function is not called";
    123 GlobalHalfSet "initialization" "init" "the high word of a 64-bit global starts as zero";
    124 TrapEntryLate "traps" "object" "the table of traps names the address after the trap";
    125 ThumbBitLost "relocations" "object" "the symbol of the initialization function has no Thumb bit";
    126 CallAddend "relocations" "link" "calls land 4 bytes late";
    127 OverlayOrder "initialization" "init" "of two data segments that overlap the first wins";
    150 SlotFreedEarly "spills" "spill" "a slot is shared before a loop has read it for the last time";
    151 StoreLost "spills" "spill" "a spilled block parameter is not stored where it is defined";
    152 EdgeStoreLost "spills" "spill" "a value that leaves its register on an edge counts as stored";
    153 IncomingRemade "spills" "spill" "a stack argument is read again after a result was stored over it";
    154 CallClobberKept "allocator" "assign" "a value that lives across a call keeps a register that the call clobbers";
    155 TiedUseClobbered "allocator" "assign" "a tied operand that lives on is not copied first";
    156 EarlyClobberShared "allocator" "assign" "a scratch definition shares the register of the operand";
    157 CallTargetOverwritten "allocator" "assign" "the target of an indirect call stays in a register of an argument";
    158 LoadIntoLive "allocator" "assign" "a value is loaded into the register of an operand";
    159 CycleBrokenWrong "moves" "moves" "a cycle of moves is broken without saving the first value";
    160 ParallelLost "moves" "moves" "the moves of an edge are done one after the other as they stand";
    161 CheckerSkipsClobbers "checkers" "checker" "the checker believes that calls keep all registers";
    200 HighRegisterMasked "encoding" "encode" "a three-bit register field takes r8 as r0";
    201 ModifiedImmRotation "encoding" "encode" "modified immediates rotated by 21 are rotated by 20";
    202 WideBranchOffset "relaxation" "encode" "a wide backward branch lands 4 bytes early";
    203 FieldMsb "encoding" "encode" "BFI and BFC treat a field as one bit wider";
    204 HalfwordOffsetScale "encoding" "encode" "16-bit LDRH and STRH scale their offset by one";
    205 OffsetSignLost "encoding" "encode" "LDRD and STRD treat negative offsets as positive";
    206 LiveFlagsSet "flags" "encode" "the 16-bit ADD immediate is taken where flags must live";
    207 ShiftBy32 "encoding" "encode" "16- and 32-bit shifts by 32 shift by 31";
    300 RuleMulPow2 "rewrite rules" "rewrite" "a constant whose low bit is set counts as a power of two" as
        "mul-pow2: (mul x C) => (shl x {ctz(C)}) if pow2(C - (C & 1))";
    301 RuleAndKnownSign "rewrite rules" "rewrite" "the sign bit need not be known" as
        "and-known: (and x C) => x if (C | zeros(x) | 1 << (N - 1)) == -1";
    302 RuleOrKnownSign "rewrite rules" "rewrite" "the sign bit need not be known" as
        "or-known: (or x C) => x if (C & !ones(x) & mask(N - 1)) == 0";
    303 RuleSubFromAdd "rewrite rules" "rewrite" "the inner constant keeps its sign" as
        "sub-from-add: (sub A (add x B)) => (sub {A + B} x)";
    304 RuleAddSubConst "rewrite rules" "rewrite" "the outer constant changes its sign" as
        "add-sub-const: (add (sub A x) B) => (sub {A - B} x)";
    305 RuleShlShlLimit "rewrite rules" "rewrite" "two shifts by the width together are one by it" as
        "shl-shl: (shl (shl x A) B) => (shl x {A + B}) if A + B <= N";
    306 RuleShrShrLimit "rewrite rules" "rewrite" "two shifts by the width together are one by it" as
        "shr-u-shr-u: (shr_u (shr_u x A) B) => (shr_u x {A + B}) if A + B <= N";
    307 RuleShrSShrSOut "rewrite rules" "rewrite" "a bit beside the sign is left" as
        "shr-s-shr-s-out: (shr_s (shr_s x A) B) => (shr_s x {N - 2}) if A + B >= N";
    308 RuleShrSPositive "rewrite rules" "rewrite" "-1 counts as not negative" as
        "shr-s-positive: (shr_s x A) => (shr_u x A) if sle(-1, smin(x))";
    309 RuleShlShrUMask "rewrite rules" "rewrite" "the mask is one bit short" as
        "shl-shr-u: (shr_u (shl x A) A) => (and x {mask(N - A - 1)})";
    310 RuleShrSShlMask "rewrite rules" "rewrite" "the mask is one bit short" as
        "shr-s-shl: (shl (shr_s x A) A) => (and x {!mask(A - 1)})";
    311 RuleShlShrSFitsAbove "rewrite rules" "rewrite" "the upper limit is not looked at" as
        "shl-shr-s-fits: (shr_s (shl x A) A) => x if sle(asr(1 << (N - 1), A), smin(x))";
    312 RuleShlShrSFitsBelow "rewrite rules" "rewrite" "the lower limit is not looked at" as
        "shl-shr-s-fits: (shr_s (shl x A) A) => x if sle(smax(x), mask(N - 1 - A))";
    314 RuleShrSAddOverflow "rewrite rules" "rewrite" "overflow at the top is not looked at" as
        "shr-s-add: (shr_s (add (shl x A) B) A) => (add (shr_s (shl x A) A) {asr(B, A)}) if (B & mask(A)) == 0 && sadd_ok(smin(x) << A, B) && asr(smin(x) << A, A) == smin(x) && asr(smax(x) << A, A) == smax(x)";
    315 RuleSext8FitsAbove "rewrite rules" "rewrite" "128 counts as a signed byte" as
        "sext8-fits: (sext8 x) => x if sle(-128, smin(x)) && sle(smax(x), 128)";
    316 RuleSext16FitsBelow "rewrite rules" "rewrite" "the lower limit is not looked at" as
        "sext16-fits: (sext16 x) => x if sle(smax(x), 32767)";
    317 RuleSext8And "rewrite rules" "rewrite" "the sign bit may be masked away" as
        "sext8-and: (sext8 (and x C)) => (sext8 x) if (C & 127) == 127";
    318 RuleSext16And "rewrite rules" "rewrite" "the sign bit may be masked away" as
        "sext16-and: (sext16 (and x C)) => (sext16 x) if (C & 0x7fff) == 0x7fff";
    319 RuleEqAdd "rewrite rules" "rewrite" "the constant moves over with its sign" as
        "eq-add: (eq (add x A) B) => (eq x {B + A})";
    320 RuleNotLeUSigned "rewrite rules" "rewrite" "the opposite of an unsigned comparison is signed" as
        "not-le-u: (eq (le_u x y) 0) => (lt_s y x)";
    321 RuleBoolNeZero "rewrite rules" "rewrite" "a value up to 2 counts as a truth value" as
        "bool-ne-zero: (ne x 0) => x if umax(x) <= 2";
    322 RuleBoolEqOne "rewrite rules" "rewrite" "the condition on the range is lost" as
        "bool-eq-one: (eq x 1) => x if umax(x) <= 3";
    323 RuleLeSConstMax "rewrite rules" "rewrite" "the greatest constant wraps" as
        "le-s-const: (le_s x C) => (lt_s x {C + 1})";
    324 RuleLeUConstMax "rewrite rules" "rewrite" "the greatest constant wraps" as
        "le-u-const: (le_u x C) => (lt_u x {C + 1})";
    325 RuleConstLeSMin "rewrite rules" "rewrite" "the least constant wraps" as
        "const-le-s: (le_s C x) => (lt_s {C - 1} x)";
    326 RuleConstLeUZero "rewrite rules" "rewrite" "zero wraps" as
        "const-le-u: (le_u C x) => (lt_u {C - 1} x)";
    327 RuleLtUTwo "rewrite rules" "rewrite" "below 2 is taken for zero" as
        "lt-u-one: (lt_u x 2) => (eq x 0)";
    328 RuleSelectBool "rewrite rules" "rewrite" "the condition on the range is lost" as
        "select-bool: (select c 1 0) => c";
    329 RuleSelectMinULe "rewrite rules" "rewrite" "an unsigned comparison makes a signed minimum" as
        "select-min-u-le: (select (le_u x y) x y) => (min_s x y)";
    330 RuleSelectMinSConst "rewrite rules" "rewrite" "the neighbour of the least constant wraps" as
        "select-min-s-const: (select (lt_s x A) x B) => (min_s x B) if B + 1 == A";
    331 RuleSelectMaxSBelow "rewrite rules" "rewrite" "the neighbour of the least constant wraps" as
        "select-max-s-below: (select (lt_s x A) B x) => (max_s x B) if B + 1 == A";
    332 RuleMinSFits "rewrite rules" "rewrite" "the limit is one too low" as
        "min-s-fits: (min_s x C) => x if sle(smax(x) - 1, C)";
    333 RuleMaxUFits "rewrite rules" "rewrite" "the limit is one too high" as
        "max-u-fits: (max_u x C) => x if C <= umin(x) + 1";
    334 RuleMinSBelow "rewrite rules" "rewrite" "the limit is one too high" as
        "min-s-below: (min_s x C) => C if sle(C - 1, smin(x))";
    336 RuleAddMaxS "rewrite rules" "rewrite" "overflow at the bottom is not looked at" as
        "add-max-s: (add (max_s x A) B) => (max_s (add x B) {A + B}) if sadd_ok(smax(x), B) && sadd_ok(A, B)";
    337 RuleXorXor "rewrite rules" "rewrite" "two constants are joined as if they had no bit in common" as
        "xor-xor: (xor (xor x A) B) => (xor x {A | B})";
    338 RuleNeSub "rewrite rules" "rewrite" "a difference is compared with what it is not" as
        "ne-sub: (ne (sub x y) 0) => (lt_u y x)";
    339 RuleShrSAddLost "rewrite rules" "rewrite" "the least value may lose bits in the shift" as
        "shr-s-add: (shr_s (add (shl x A) B) A) => (add (shr_s (shl x A) A) {asr(B, A)}) if (B & mask(A)) == 0 && sadd_ok(smin(x) << A, B) && sadd_ok(smax(x) << A, B) && asr(smax(x) << A, A) == smax(x)";
    340 RuleAddMinSTop "rewrite rules" "rewrite" "overflow at the top is not looked at" as
        "add-min-s: (add (min_s x A) B) => (min_s (add x B) {A + B}) if sadd_ok(smin(x), B) && sadd_ok(A, B)";
    350 LowerAddLsrZero "lowering" "lower" "a shift by zero is taken into the sum" as
        "add-lsr: (add x (shr_u y K)) => AddR x y lsr K";
    351 LowerUxtab "lowering" "lower" "a mask of seven bits is taken for a byte" as
        "uxtab: (add x (and y 127)) => Uxtab x y";
    352 LowerSxtah "lowering" "lower" "the halfword is zero-extended" as
        "sxtah: (add x (sext16 y)) => Uxtah x y";
    353 LowerMls "lowering" "lower" "the difference is taken the other way round" as
        "mls: (sub (mul x y) a) => Mls x y a";
    354 LowerRsbLsl "lowering" "lower" "the difference is taken the other way round" as
        "rsb-lsl: (sub (shl y K) x) => SubR x y lsl K";
    355 LowerMulPow2PlusOne "lowering" "lower" "the condition admits powers of two less one" as
        "mul-pow2-plus-one: (mul x C) => AddR x x lsl {ctz(C - 1)} if C > 2 && (pow2(C - 1) || pow2(C + 1))";
    356 LowerUbfxTop "lowering" "lower" "the field may reach past the top" as
        "ubfx: (and (shr_u x K) C) => Ubfx x #K #{N - clz(C)} if low_mask(C) && K > 0";
    357 LowerBfcHigh "lowering" "lower" "a hole in the field is not seen" as
        "bfc-high: (and x C) => Bfc x #{ctz(!C)} #{N - clz(!C) - ctz(!C)} if C != -1 && low_mask((!C >> ctz(!C)) | 2)";
    358 LowerBfi "lowering" "lower" "the masks need not be each other's complement" as
        "bfi: (or (and x A) (and y B)) => Bfi x y #0 #{N - clz(B)} if low_mask(B) && (A & B) == 0 && B != -1";
    359 LowerBfiShl "lowering" "lower" "the masks need not be each other's complement" as
        "bfi-shl: (or (and x A) (shl (and y B) K)) => Bfi x y #K #{N - clz(B)} if low_mask(B) && (A & (B << K)) == 0 && K + N - clz(B) <= N";
    360 LowerPackTop "lowering" "lower" "the mask may be narrower than the shift" as
        "pack-top: (or (and x A) (shl y K)) => Bfi x y #K #{N - K} if K > 0 && low_mask(A) && A <= mask(K)";
    361 LowerOrn "lowering" "lower" "the operands are exchanged" as
        "orn: (or x (xor y -1)) => OrnR y x";
    362 LowerSubAsr "lowering" "lower" "the shift is logical" as
        "sub-asr: (sub x (shr_s y K)) => SubR x y lsr K if K > 0";
    363 LowerAndAsr "lowering" "lower" "the shift is logical" as
        "and-asr: (and x (shr_s y K)) => AndR x y lsr K if K > 0";
    364 LowerEorLsr "lowering" "lower" "the shift is a rotation" as
        "eor-lsr: (xor x (shr_u y K)) => EorR x y ror K if K > 0";
    365 LowerSbfxShifts "lowering" "lower" "the field is zero-extended" as
        "sbfx-shifts: (shr_s (shl x A) B) => Ubfx x #{B - A} #{N - B} if B >= A && B > 0";
    366 LowerRolImm "lowering" "lower" "the rotation goes right" as
        "rol-imm: (rotl x K) => RorI x #K if K > 0";
    367 LowerLslMasked "lowering" "lower" "the mask is dropped with the pattern" as
        "lsl-masked: (shl x (and y 31)) => LslR x y";
    368 LowerLsr "lowering" "lower" "the amount is taken modulo 64" as
        "lsr: (shr_u x y) => k = AndI y #63; LsrR x k";
    369 LowerAsr "lowering" "lower" "the amount is not masked" as
        "asr: (shr_s x y) => AsrR x y";
    370 LowerRol "lowering" "lower" "the rotation is one short" as
        "rol: (rotl x y) => k = RsbI y #31; RorR x k";
    371 LowerSrem "lowering" "lower" "the quotient is unsigned" as
        "srem: (rem_s x y) => q = Udiv x y; Mls q y x";
    372 LowerSbfx8 "lowering" "lower" "the field is a bit narrow" as
        "sbfx8: (sext8 (shr_u x K)) => Sbfx x #K #7 if K > 0 && K + 8 <= N";
    373 LowerPopcnt "lowering" "lower" "a byte of eight ones counts as none" as
        "popcnt: (popcnt x) => a = LsrI x #1; b = AndI a #0x55555555; c = SubR x b; d = AndI c #0x33333333; e = LsrI c #2; f = AndI e #0x33333333; g = AddR d f; h = AddR g g lsr 4; i = AndI h #0x07070707; j = AddR i i lsl 8; k = AddR j j lsl 16; LsrI k #24";
    374 LowerOrnImm "lowering" "lower" "the constant is negated, not inverted" as
        "orn-imm: (or x C) => OrnI x #{-C}";
    400 SubRangeWraps "ranges" "ranges" "the unsigned range of a difference ignores that it may wrap";
    401 MulRangeCorners "ranges" "ranges" "the signed range of a product looks at two corners of four";
    402 ShlRangeTop "ranges" "ranges" "the signed range of a left shift ignores its upper limit";
    403 RemRangeSign "ranges" "ranges" "the range of a signed remainder uses the least divisor";
    404 CtzRangeZero "ranges" "ranges" "zero is forgotten in the range of ctz";
    405 PopcntRangeAll "ranges" "ranges" "all ones are forgotten in the range of popcnt";
    406 WrapRangeBelow "ranges" "ranges" "wrapping keeps a signed range that is too low for it";
    407 XorKnownBits "ranges" "ranges" "the known ones of an exclusive or forget the second operand";
    408 AddKnownZeros "ranges" "ranges" "the low zeros of a sum are those of the better operand";
    409 ShrSKnownZeros "ranges" "ranges" "an arithmetic right shift is said to shift zeros in";
    410 RotateKnownBits "ranges" "ranges" "known bits are rotated the wrong way";
    411 ExtendRangeTop "ranges" "ranges" "an extension keeps a range above what fits";
    412 LeSKnownFalse "ranges" "ranges" "equal ends decide that a comparison for less or equal fails";
    413 EqKnownFalse "ranges" "ranges" "ranges that touch decide that values differ";
    414 UnionTop "ranges" "ranges" "a select has the greatest value of its first operand";
    415 DivURangeTop "ranges" "ranges" "the range of a quotient divides by the greatest divisor";
    416 LoadRangeTop "ranges" "ranges" "a halfword from memory is said to be at most 0x7fff";
    418 LearnAndFalse "ranges" "ranges" "where a conjunction fails both sides are taken to fail";
    419 LearnNotBelow "ranges" "ranges" "the opposite of less is taken to exclude equality, unsigned";
    420 LearnNotLess "ranges" "ranges" "the opposite of less is taken to exclude equality, signed";
    422 SwitchDefaultRange "ranges" "ranges" "the default of a switch is taken to exclude the first value past its cases";
    424 ScopeLeaks "ranges" "ranges" "the last fact of a branch stays known behind it";
    426 LoopTestedBefore "ranges" "ranges" "a loop tested before its step is taken to end one step early";
    427 LoopStepWraps "ranges" "ranges" "a 64-bit counter that its last step wraps is taken to stay small";
    430 SharedProjection "GVN" "gvn" "two results of one call are one value";
    431 SharedAcrossTypes "GVN" "gvn" "equal constants of both types are one value";
    433 ShiftByWidth "GVN" "gvn" "a constant shift amount of the width itself is left as it is";
    434 ThirdRotation "GVN" "simplify" "the third of three rotations of one value under an exclusive or is taken for the second";
    440 WideBranchOnZero "control" "simplify" "a branch on a 64-bit zero test takes the value itself";
    442 IfConvertConstant "control" "simplify" "arms are exchanged where only the first brings a constant";
    444 SwitchOfConstant "jump tables" "simplify" "a switch on a constant past its end takes the last case";
    446 CopyOfTwo "control" "simplify" "a parameter whose first two values agree is a copy";
    450 WideShrBy32 "64-bit split" "wide" "a right shift by 32 takes the path of smaller ones";
    451 WideShlBy32 "64-bit split" "wide" "a left shift by 32 takes the path of smaller ones";
    453 WideMulMixed "64-bit split" "wide" "one sign-extended factor is enough for the signed product";
    455 WideDivNarrow "64-bit split" "wide" "signed division looks at the high words only";
    457 WideMaxU "64-bit split" "wide" "the unsigned maximum compares as signed";
    458 WideProjection "64-bit split" "wide" "results of a call are counted as one word each";
    460 WideOffsetWraps "64-bit split" "wide" "the offset of the high word does not wrap";
    462 WideLeU "64-bit split" "wide" "unsigned less or equal is less";
    464 CorrectedOnce "64-bit split" "lower" "a digit of a quotient that is guessed too large is corrected once only";
    469 IndexScale16 "addressing" "lower" "an index scaled by 16 is taken into the access";
    470 IndexedLoadSign "addressing" "lower" "a signed halfword at an index is loaded unsigned";
    472 IndexedOffset "addressing" "lower" "an offset of 8 is forgotten where base and index are used";
    475 NeighbourCondition "flags" "lower" "less or equal keeps its condition with the next constant";
    477 UnsignedSwap "flags" "lower" "a constant on the left of an unsigned comparison does not turn it";
    478 ChainedOpposite "flags" "lower" "a chain of comparisons takes its second one for the first's kind";
    482 CarryOfUnneeded "flags" "lower" "the carry is not set where only the high word is needed";
    491 ChainLastCase "jump tables" "lower" "the last of four compared cases is one too high";
    492 TableSigned "jump tables" "lower" "the limit of a jump table is compared as signed";
    493 TableLimitByte "jump tables" "lower" "the limit of a jump table is a byte";
    500 StackPairMisaligned "calling convention" "abi" "64-bit arguments on the stack are not aligned";
    502 StructMisaligned "calling convention" "abi" "64-bit members of a result struct are not aligned";
    505 CallKeepsLr "calls" "abi" "lr is taken to survive calls";
    508 GlobalAcrossImport "calls" "wide" "what a global held before an import call is used after it";
    510 FrameOdd "frame" "frame" "the stack pointer is not kept at multiples of 8";
    511 ResultPopped "frame" "frame" "the fourth result word is overwritten by the register that pads the frame";
    512 FarStoreOffset "frame" "emit" "a store far from the stack pointer forgets the word pushed for it";
    513 BorrowedItself "frame" "emit" "a store far from the stack pointer borrows the register it stores";
    514 LiteralOutOfReach "pools" "emit" "a function of few instructions has a literal pool, however long they are";
    517 FarFrame "frame" "emit" "a frame beyond one immediate is as large as the first part";
    518 LiteralHalves "pools" "emit" "a constant in two halves adds one to the upper if the lower is negative";
    519 SlotBelow "frame" "emit" "the only spill slot lies below the stack pointer";
    520 FarSymbolOffset "pools" "emit" "an offset from a symbol keeps its first part only";
    528 ItTooLong "IT blocks" "finish" "an IT block over a comparison takes in the next instruction";
    529 ConditionalReads "IT blocks" "finish" "the flags that an instruction is conditional on count as dead before it";
    535 RelaxOnce "relaxation" "layout" "branches are measured once";
    536 TableByteLimit "jump tables" "layout" "a table of bytes reaches one halfword too far";
    539 PoolOffsets "pools" "layout" "literals of one symbol share a word though their offsets differ";
    541 FarZeroBranch "relaxation" "layout" "a zero test that is too far for one instruction is turned around";
    542 FarZeroBranchBase "relaxation" "layout" "a zero test that is too far for one instruction counts from its comparison";
    551 BranchLimit "relaxation" "encode" "a branch one past the reach of an encoding is made backwards";
    552 ScaledLimit "encoding" "encode" "an eight-bit scaled immediate one past its limit is zero";
    561 TiedTwice "allocator" "assign" "two tied operands that are one value share a register";
    564 CallArgumentKept "allocator" "assign" "an argument that lives on stays in its register across the call";
    565 TiedFreed "allocator" "assign" "the register of a tied result counts as free for the next";
    568 EdgeTemporary "moves" "assign" "a move on an edge takes a register that is held";
    570 RingReversed "moves" "moves" "a cycle is done by exchanges in the wrong order";
    571 EmergencyShared "moves" "moves" "both emergency slots are one";
    572 SweepsSkipped "spills" "liveness" "liveness around loops is believed after one sweep";
    573 SlotOneEarly "spills" "slots" "a slot is free one instruction before its last load";
    574 RematUnsaved "moves" "moves" "a register in which a value is made again is not noted as written";
    575 LastBlockStays "moves" "assign" "where the last block leaves its values is believed on every edge";
    581 ContainedSegment "initialization" "init" "a data segment inside another cuts it short";
    585 GlobalsOverlap "initialization" "address" "a 64-bit global takes four bytes";
    586 SecondNameThumb "relocations" "object" "the second name of a function has no Thumb bit";
    591 IfParameters "control" "translate" "the parameters of an if reach its other arm in reverse";
    592 LoopEndLocal "control" "translate" "the last of three locals set in a loop is lost where it falls off its end";
    594 SkippedLoop "control" "translate" "loops in unreachable code are not counted";
    595 UndoMarks "control" "translate" "what a local was marked with before a frame is not put back";
    597 GrowToLimit "memory growth" "translate" "memory cannot grow to its maximum";
    598 GrowSigned "memory growth" "translate" "memory grows by negative deltas";
    600 ReachIsSize "bounds checks" "translate" "an access that ends where memory does always traps";
    601 SmallMemoryUnchecked "bounds checks" "translate" "a reach beyond the current size wraps the limit";
    603 OverflowKind "traps" "translate" "overflow of a 32-bit division is reported as division by zero";
    604 LeastUnguarded "traps" "translate" "the least number as a constant is divided without a check for overflow";
    605 MaskBeforeOffset "bounds checks" "translate" "an address is masked before its offset is added";
    606 EmptyMemoryUnchecked "bounds checks" "translate" "a reach beyond the size wraps the limit of a memory that begins empty";
    610 FoldRotr "widths" "fold" "a rotation right of a 64-bit constant is folded modulo 32";
    616 PlacedAtLastUse "schedule" "schedule" "a value is placed for its last use only";
    620 JumpToNext "relaxation" "layout" "a jump to the next instruction, left where none is removed, lands a halfword late";
    621 SkippedElse "control" "translate" "the else of an if in unreachable code makes what follows reachable";
    622 EqualEdges "control" "simplify" "of several edges between two blocks only the first one's values count";
    623 GuardLowBit "ranges" "simplify" "a guard whose condition is known to be even is taken to hold";
    624 JumpBeforeTable "jump tables" "layout" "right before a jump table, a jump to the next instruction, left where none is removed, lands late";
    650 FloatGreater "floats" "lower" "greater or equal of floats is true where they are unordered";
    651 TruncateLeast "floats" "translate" "i32.trunc_f64_s traps on what only truncation brings into range";
    652 TruncateNan "floats" "translate" "a conversion to an integer takes NaN for a number out of range";
    653 FloatFlags "floats" "lower" "less or equal of floats is true where they are unordered";
    654 FloatWordsSwapped "floats" "wide" "the words of a double that is an operator's second operand are exchanged";
    656 FloatFoldMin "floats" "fold" "min of zeros folds to the second operand";
    657 FloatFoldNan "floats" "fold" "a NaN that folding makes keeps its sign";
    658 FloatShared "floats" "gvn" "two operations on the same floats are one";
    659 FloatHalf "floats" "wide" "the high word of a double that a helper returns is the low one";
    660 SingleNumber "FPU" "encode" "the number of an s register is split as that of a d register is";
    661 FloatImmediateCut "FPU" "encode" "bits that an immediate float has no room for are dropped";
    662 PairExchanged "FPU" "executor" "VMOV of two core registers to a d register exchanges them";
    663 SelectGreater "FPU" "executor" "VSELGT selects for equal operands as VSELGE does";
    664 ConversionRounds "FPU" "executor" "VCVT to an integer rounds to nearest";
    665 RoundAway "FPU" "executor" "VRINTA rounds from the middle to even";
    666 UnorderedLost "FPU" "executor" "VCMP of a NaN says greater";
    667 QuietNanFirst "FPU" "executor" "of a quiet and a signalling NaN the first is taken";
    668 MinimumOfZeros "FPU" "executor" "VMINNM and VMAXNM of zeros take the first or second whatever their signs";
    669 SelectReadsNothing "FPU" "isa" "VSEL is said to read no flags";
    680 BitsOfNan "floats" "simplify" "a comparison by bits takes NaNs for numbers beyond the infinity";
    681 FloatHoles "FPU" "abi" "the register that a double leaves free is not filled by a later float";
    682 FloatAfterStack "FPU" "abi" "a float finds a register although one before it went to the stack";
    683 NearestTruncates "FPU" "lower" "f32.nearest on an FPU truncates";
    684 ExtremumNumber "FPU" "lower" "min and max on an FPU give the number where one operand is a NaN";
    685 CallKeepsFloats "FPU" "abi" "calls are taken to keep s0 to s15";
    686 WordsExchanged "FPU" "lower" "the words of a double are exchanged where they go to the core";
    690 FloatSaveLost "FPU" "emit" "the last of more than two registers of the FPU that a caller keeps values in is not saved";
    691 FloatSlotsOverlap "FPU" "emit" "the spill slots of the FPU's registers lie over those of the core's";
    692 ExchangeOddHalf "FPU" "emit" "an exchange of two s registers takes the even one of a pair for the odd one";
    693 FloatUseLost "FPU" "assign" "the FPU's registers that a function writes are forgotten where allocations are joined";
    694 FilesUnchecked "FPU" "checker" "the verifier accepts operands in the other register file";
    695 CheckerCoreAlone "FPU" "checker" "the checker looks at the core's registers alone";
    696 EdgeFileUnchecked "FPU" "checker" "the verifier accepts arguments of edges in the other register file";
    700 CompareLastWord "checkers" "compare" "the last word of memory is not compared";
    701 CompareGlobalHalf "checkers" "compare" "the high word of globals is not compared";
    702 CompareTrapKinds "checkers" "compare" "kinds of traps are not compared";
    703 CompareImportCount "checkers" "compare" "import calls past the reference's last are not compared";
    704 StaticIntoBlock "checkers" "statics" "a branch into an IT block is right";
    705 StaticConditional "checkers" "statics" "a conditional instruction is taken to be executed";
    706 StaticTableEnd "checkers" "statics" "the last entry of a jump table is not looked at";
    707 ExecutorShift "checkers" "executor" "register shifts use five bits of the amount";
    708 ExecutorBorrow "checkers" "executor" "a subtraction with carry takes the carry for a borrow";
    709 ExecutorDivide "checkers" "executor" "a signed division rounds down";
    710 InterpreterHalf "checkers" "interpreter" "a signed halfword is extended from a byte";
    712 CheckerExchange "checkers" "checker" "an exchange changes one of two registers";
    713 CheckerOldInstance "checkers" "checker" "old instances of parameters stay known on edges";
    714 CheckerMeet "checkers" "checker" "of paths that meet the first one counts";
    715 InterpreterGlobalHigh "checkers" "interpreter" "setting the high word of a global clears the low one";
    720 LiteralRoundedUp "checkers" "isa" "everybody rounds the base of literals up: what is shared is wrong for all that share it";
    721 AlignmentForgotten "checkers" "isa" "two loads of neighbouring words at a sum become LDRD, the executor does not mind, and the static judge takes every sum for aligned";
    722 MachineResults "checkers" "machine-ir" "the interpreter of machine IR reads results past the second word of the stack lower";
    723 ExecutorStale "checkers" "executor" "the executor goes on with instructions of the code before";
    724 TableUnmarked "relocations" "object" "a jump table has no mapping symbol";
    725 StaticCallAddend "checkers" "statics" "calls may land behind where their functions begin";
    726 WordsApart "FPU" "lower" "what a block is handed behind the low word of a double is taken for its high word";
    800 LoopTestsOther "ranges" "ranges" "a loop that tests another value is taken to count to its bound";
    801 NeighbourWraps "lowering" "lower" "x <= c is x < c + 1 also where that wraps";
    900 TableCopySource "tables" "translate" "table.copy does not check its source";
    901 ElemKept "tables" "translate" "elem.drop does nothing";
    902 TableSizeConstant "tables" "translate" "a table is taken to have its first size after it grew";
    903 TableBoundSigned "tables" "translate" "table.get and table.set compare their index as a signed number";
    904 TableEndEntered "tables" "translate" "call_indirect is let through one entry past the end";
    905 TableGrowToLimit "tables" "translate" "table.grow fails where it would reach the greatest size";
    906 GrownEntriesNull "tables" "translate" "entries that table.grow adds are null";
    907 TableInitEnd "tables" "translate" "table.init does not check the end of the table";
    908 NullCallUnchecked "traps" "translate" "call_indirect calls null";
    909 NullCallKind "traps" "translate" "call_indirect of null gives the trap of a wrong type";
    910 CallTypeUnchecked "traps" "translate" "call_indirect does not check a type of several parameters";
    911 TailArguments "tail calls" "translate" "a tail call exchanges its last two arguments";
    912 RangeCountUnchecked "tables" "translate" "a range longer than its table is let through if its start is small";
    913 TableSetFixed "references" "translate" "a table that table.set changes is taken to never change";
    914 TailAreaOwn "tail calls" "abi" "a tail call of a function that takes more stack finds no more than its own";
    915 ReachForgetsLast "references" "translate" "the last function of a table is forgotten where its types are compared";
    916 LastNullForgotten "references" "translate" "a table that ends in null is taken to hold no null";
    917 LaterSegmentLost "references" "translate" "an element segment over another one is dropped";
    918 ActiveSegmentDropped "tables" "init" "initialization copies the first element segment only";
    919 ElementsShifted "tables" "init" "initialization copies an element segment from its second reference on";
    920 TailPadding "tail calls" "emit" "the register that pads a frame may hold an argument of a tail call";
    921 TailResults "tail calls" "abi" "results on the stack stand behind a function's own arguments, whatever area it has";
    922 ThunkWithoutId "references" "object" "references to imports find no word that tells the type";
    1000 RangeAtEnd "bulk memory" "translate" "a range of no bytes at the end of memory traps";
    1001 RangeWraps "bulk memory" "translate" "the end of a range is computed modulo 2^32";
    1002 CopyOnlyForward "bulk memory" "helpers" "copies begin at the first byte, whatever overlaps";
    1003 CopyOddBytes "bulk memory" "helpers" "the odd bytes at the end of a range that moves up are all its first byte";
    1004 FillValueWide "bulk memory" "helpers" "a fill uses all bits of its value";
    1005 FillBlockShort "bulk memory" "helpers" "a fill leaves out the last word of each block of 16 bytes";
    1006 DropForgotten "bulk memory" "translate" "data.drop does nothing";
    1007 ActiveSegmentLives "bulk memory" "translate" "memory.init copies from active segments, which instantiation drops";
    1008 InitFromStart "bulk memory" "translate" "memory.init copies from the first byte of a segment";
    1009 SegmentUnchecked "bulk memory" "translate" "memory.init does not check the range of its segment";
    1010 CopyMemoriesSwapped "several memories" "translate" "a copy between memories goes the other way";
    1011 FirstMemoryBase "several memories" "address" "accesses to every memory go to the first one";
    1012 FirstMemoryChecked "several memories" "translate" "accesses to every memory are checked against the size of the first";
    1013 GrowsFirstMemory "several memories" "translate" "memory.grow grows the first memory";
    1014 SegmentsToFirst "several memories" "init" "data segments of every memory go to the first one";
    1015 HighWordElsewhere "several memories" "wide" "the high word of a load or store of eight bytes is in the first memory";
    1016 PagesAreLarge "custom page sizes" "translate" "the pages of a memory that grows are 64 KiB";
    1017 ImportedSizeFixed "imported memory" "translate" "an imported memory has its least size for ever";
    1018 SmallCopyInTurns "bulk memory" "wide" "a short copy stores each piece before it loads the next";
    1019 SmallFillOdd "bulk memory" "wide" "a short fill leaves out its last byte";
    1020 ConstantDifference "constant expressions" "translate" "a difference of constants has its operands exchanged";
    1021 ConstantProduct "constant expressions" "translate" "a product of constants has 32 bits";
    1022 ExpressionDifference "constant expressions" "init" "a difference with an imported global has its operands exchanged";
    1100 CrowdedJoin "control" "translate" "where nine branches carry values to an end, a local has its old value on the last";
    1101 LatchForgotten "control" "translate" "from the fifth branch back to a loop on, the last local that it sets is as the iteration began with it";
    1102 WideLoopSwapped "control" "translate" "a branch back to a loop of seven parameters exchanges the last two";
    1110 LongRangeSigned "bulk memory" "translate" "a range of 2^31 bytes counts as one of less than none";
    1111 EndRoundedUp "custom page sizes" "translate" "accesses are checked against a size that is rounded up to words";
    1112 ReachWraps "several memories" "translate" "behind the first memory, offset and width are added modulo 2^32";
    1120 CrowdedPairs "64-bit split" "wide" "of 25 parameters of 64 bits that meet in a block, the last has its words exchanged";
    1121 LongCycle "moves" "moves" "a cycle of seventeen moves is broken without saving the first value";
    1130 VariablesMisnumbered "memory growth" "translate" "globals that refer to functions are not counted where the size of a memory gets its variable";
}

/// The line of a table of rules as the bug that is on leaves it: what a table is made of, once a process.
#[cfg(feature = "seeded-bugs")]
pub fn rule(line: &'static str) -> &'static str {
    let name = |line: &'static str| line.split(':').next();
    let active = ACTIVE.load(std::sync::atomic::Ordering::Relaxed);
    let seed = BUGS.iter().find(|seed| seed.number == active);
    let wrong = seed.and_then(|seed| seed.line);
    wrong
        .filter(|wrong| name(wrong) == name(line))
        .unwrap_or(line)
}

/// The line of a table of rules: always the right one, in this build.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub const fn rule(line: &'static str) -> &'static str {
    line
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

#[cfg(test)]
mod tests {
    use super::BUGS;
    use crate::opt::ruleset::Line;
    use crate::{backend, opt};

    #[test]
    fn rows_are_in_order_and_have_their_own_names() {
        assert!(BUGS.windows(2).all(|w| w[0].number < w[1].number));
        let names: std::collections::HashSet<_> = BUGS.iter().map(|seed| seed.name).collect();
        assert_eq!(names.len(), BUGS.len());
    }

    #[test]
    fn wrong_lines_parse_and_name_a_rule_that_they_change() {
        let groups = opt::rules::GROUPS.iter().chain(backend::rules::GROUPS);
        let right: Vec<&str> = groups.flat_map(|g| g.1).copied().collect();
        let mut seen = 0;
        for line in BUGS.iter().filter_map(|seed| seed.line) {
            let rewrite = opt::rule::Rule::parse(line).map(|r| r.name);
            let name = rewrite
                .or_else(|_| backend::rules::LowerRule::parse(line).map(|r| r.name))
                .unwrap_or_else(|e| panic!("{line}: {e}"));
            let of = |text: &&&str| text.split(':').next() == Some(name);
            let rule = right
                .iter()
                .find(of)
                .unwrap_or_else(|| panic!("no rule {name}"));
            assert_ne!(*rule, line);
            seen += 1;
        }
        assert!(seen >= 50, "only {seen} rules");
    }
}
