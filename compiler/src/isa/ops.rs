//! The operations: one row each, with operand roles and meaning.
//!
//! In: nothing. Out: [`Op`], its mnemonic, roles and [`Sem`]. Encodings are rows of [`super::table`].
//! Invariant: what an operation does is said by its `Sem` alone; text, effects, cycles and the executor are
//! derived from it. Checked by the tests of the executor against another simulator.

use super::Cond;
use super::ShiftKind::*;
use super::sem::{Addr::*, Alu::*, Sem, Sem::*, Size::*};
use super::sem::{Arith, Precision::*, Rounding, Vfp as V};

/// What an instruction does with the register at one place of its operand list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Written.
    Def,
    /// Read.
    Use,
    /// Read and written: the result is in the register of the operand.
    Tied,
}

const fn any(all: &[bool]) -> bool {
    let mut i = 0;
    while i < all.len() {
        if all[i] {
            return true;
        }
        i += 1;
    }
    false
}

macro_rules! ops {
    ($($(#[$m:meta])* $name:ident $mnemonic:literal [$($role:ident)*] $sem:expr;)*) => {
        /// An operation: a mnemonic with one operand shape.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $($(#[$m])* $name,)* }
        impl Op {
            /// Every operation.
            pub const ALL: &[Op] = &[$(Op::$name,)*];
            /// The UAL mnemonic without suffixes but those of types.
            pub fn mnemonic(self) -> &'static str {
                match self { $(Op::$name => $mnemonic,)* }
            }
            /// The role of each register operand, in the order of `Inst::regs`.
            #[inline]
            pub fn roles(self) -> &'static [Role] {
                const ROLES: [&[Role]; Op::ALL.len()] = [$(&[$(Role::$role,)*],)*];
                ROLES[self as usize]
            }
            /// Whether a register operand is read and written.
            #[inline]
            pub fn ties(self) -> bool {
                const TIES: [bool; Op::ALL.len()] =
                    [$({ let ties: &[bool] = &[$(matches!(Role::$role, Role::Tied),)*]; any(ties) },)*];
                TIES[self as usize]
            }
            /// What it does.
            pub const fn sem(self) -> Sem {
                match self { $(Op::$name => $sem,)* }
            }
            /// Its name in this table.
            pub fn name(self) -> &'static str {
                match self { $(Op::$name => stringify!($name),)* }
            }
        }
    };
}

ops! {
    // Data processing with a (modified) immediate.
    AddI "add" [Def Use] AluI(Add);
    SubI "sub" [Def Use] AluI(Sub);
    RsbI "rsb" [Def Use] AluI(Rsb);
    AdcI "adc" [Def Use] AluI(Adc);
    SbcI "sbc" [Def Use] AluI(Sbc);
    AndI "and" [Def Use] AluI(And);
    OrrI "orr" [Def Use] AluI(Orr);
    EorI "eor" [Def Use] AluI(Eor);
    BicI "bic" [Def Use] AluI(Bic);
    OrnI "orn" [Def Use] AluI(Orn);
    MovI "mov" [Def] AluI(Mov);
    MvnI "mvn" [Def] AluI(Mvn);
    Movw "movw" [Def] AluI(Mov);
    Movt "movt" [Tied] Movt;
    CmpI "cmp" [Use] TestI(Sub);
    CmnI "cmn" [Use] TestI(Add);
    TstI "tst" [Use] TestI(And);
    TeqI "teq" [Use] TestI(Eor);
    // Data processing with a register, shifted by a constant.
    AddR "add" [Def Use Use] AluR(Add);
    SubR "sub" [Def Use Use] AluR(Sub);
    RsbR "rsb" [Def Use Use] AluR(Rsb);
    AdcR "adc" [Def Use Use] AluR(Adc);
    SbcR "sbc" [Def Use Use] AluR(Sbc);
    AndR "and" [Def Use Use] AluR(And);
    OrrR "orr" [Def Use Use] AluR(Orr);
    EorR "eor" [Def Use Use] AluR(Eor);
    BicR "bic" [Def Use Use] AluR(Bic);
    OrnR "orn" [Def Use Use] AluR(Orn);
    MovR "mov" [Def Use] AluR(Mov);
    MvnR "mvn" [Def Use] AluR(Mvn);
    CmpR "cmp" [Use Use] TestR(Sub);
    CmnR "cmn" [Use Use] TestR(Add);
    TstR "tst" [Use Use] TestR(And);
    TeqR "teq" [Use Use] TestR(Eor);
    // Shifts as instructions of their own: the amount is `imm`, or the low byte of the last register.
    LslI "lsl" [Def Use] ShiftI(Lsl);
    LsrI "lsr" [Def Use] ShiftI(Lsr);
    AsrI "asr" [Def Use] ShiftI(Asr);
    RorI "ror" [Def Use] ShiftI(Ror);
    Rrx "rrx" [Def Use] Rrx;
    LslR "lsl" [Def Use Use] ShiftR(Lsl);
    LsrR "lsr" [Def Use Use] ShiftR(Lsr);
    AsrR "asr" [Def Use Use] ShiftR(Asr);
    RorR "ror" [Def Use Use] ShiftR(Ror);
    // Multiplication and division. Mla is rd = rn * rm + ra, Mls is rd = ra - rn * rm: [rd rn rm ra].
    Mul "mul" [Def Use Use] Mul;
    Mla "mla" [Def Use Use Use] Mla;
    Mls "mls" [Def Use Use Use] Mls;
    // [rdlo rdhi rn rm]
    Umull "umull" [Def Def Use Use] MulLong { signed: false, accumulate: false };
    Smull "smull" [Def Def Use Use] MulLong { signed: true, accumulate: false };
    Umlal "umlal" [Tied Tied Use Use] MulLong { signed: false, accumulate: true };
    Smlal "smlal" [Tied Tied Use Use] MulLong { signed: true, accumulate: true };
    Umaal "umaal" [Tied Tied Use Use] Umaal;
    Sdiv "sdiv" [Def Use Use] Div { signed: true };
    Udiv "udiv" [Def Use Use] Div { signed: false };
    Smmul "smmul" [Def Use Use] Smmul;
    Smulbb "smulbb" [Def Use Use] MulHalf { accumulate: false };
    Smlabb "smlabb" [Def Use Use Use] MulHalf { accumulate: true };
    // Bits. Bit fields: imm is the lowest bit, imm2 the width.
    Clz "clz" [Def Use] Clz;
    Rbit "rbit" [Def Use] Rbit;
    Rev "rev" [Def Use] Rev;
    Rev16 "rev16" [Def Use] Rev16;
    Revsh "revsh" [Def Use] Revsh;
    Sxtb "sxtb" [Def Use] Extend(S8);
    Sxth "sxth" [Def Use] Extend(S16);
    Uxtb "uxtb" [Def Use] Extend(U8);
    Uxth "uxth" [Def Use] Extend(U16);
    Sxtab "sxtab" [Def Use Use] ExtendAdd(S8);
    Sxtah "sxtah" [Def Use Use] ExtendAdd(S16);
    Uxtab "uxtab" [Def Use Use] ExtendAdd(U8);
    Uxtah "uxtah" [Def Use Use] ExtendAdd(U16);
    Ubfx "ubfx" [Def Use] FieldGet { signed: false };
    Sbfx "sbfx" [Def Use] FieldGet { signed: true };
    Bfi "bfi" [Tied Use] FieldPut;
    Bfc "bfc" [Tied] FieldClear;
    // Saturation to `imm` bits (SSAT 1-32, USAT 0-31), operand shifted by LSL or ASR.
    Ssat "ssat" [Def Use] Saturate { signed: true };
    Usat "usat" [Def Use] Saturate { signed: false };
    // Loads: [rt rn] with offset imm; [rt rn rm] with LSL 0-3; Pre and Post write the base back.
    LdrI "ldr" [Def Use] Load(W32, Offset);
    LdrbI "ldrb" [Def Use] Load(U8, Offset);
    LdrhI "ldrh" [Def Use] Load(U16, Offset);
    LdrsbI "ldrsb" [Def Use] Load(S8, Offset);
    LdrshI "ldrsh" [Def Use] Load(S16, Offset);
    LdrR "ldr" [Def Use Use] Load(W32, Index);
    LdrbR "ldrb" [Def Use Use] Load(U8, Index);
    LdrhR "ldrh" [Def Use Use] Load(U16, Index);
    LdrsbR "ldrsb" [Def Use Use] Load(S8, Index);
    LdrshR "ldrsh" [Def Use Use] Load(S16, Index);
    LdrPre "ldr" [Def Tied] Load(W32, Pre);
    LdrbPre "ldrb" [Def Tied] Load(U8, Pre);
    LdrhPre "ldrh" [Def Tied] Load(U16, Pre);
    LdrsbPre "ldrsb" [Def Tied] Load(S8, Pre);
    LdrshPre "ldrsh" [Def Tied] Load(S16, Pre);
    LdrPost "ldr" [Def Tied] Load(W32, Post);
    LdrbPost "ldrb" [Def Tied] Load(U8, Post);
    LdrhPost "ldrh" [Def Tied] Load(U16, Post);
    LdrsbPost "ldrsb" [Def Tied] Load(S8, Post);
    LdrshPost "ldrsh" [Def Tied] Load(S16, Post);
    StrI "str" [Use Use] Store(W32, Offset);
    StrbI "strb" [Use Use] Store(U8, Offset);
    StrhI "strh" [Use Use] Store(U16, Offset);
    StrR "str" [Use Use Use] Store(W32, Index);
    StrbR "strb" [Use Use Use] Store(U8, Index);
    StrhR "strh" [Use Use Use] Store(U16, Index);
    StrPre "str" [Use Tied] Store(W32, Pre);
    StrbPre "strb" [Use Tied] Store(U8, Pre);
    StrhPre "strh" [Use Tied] Store(U16, Pre);
    StrPost "str" [Use Tied] Store(W32, Post);
    StrbPost "strb" [Use Tied] Store(U8, Post);
    StrhPost "strh" [Use Tied] Store(U16, Post);
    // Literal loads and address of a literal: imm is the displacement from Align(PC, 4).
    LdrLit "ldr" [Def] Load(W32, Literal);
    Adr "adr" [Def] Adr;
    LdrdI "ldrd" [Def Def Use] LoadDual;
    StrdI "strd" [Use Use Use] StoreDual;
    // Multiple registers: `list`; the Wb forms write the base back.
    Ldmia "ldmia" [Use] LoadMany { before: false, writeback: false };
    LdmiaWb "ldmia" [Tied] LoadMany { before: false, writeback: true };
    LdmdbWb "ldmdb" [Tied] LoadMany { before: true, writeback: true };
    Stmia "stmia" [Use] StoreMany { before: false, writeback: false };
    StmiaWb "stmia" [Tied] StoreMany { before: false, writeback: true };
    StmdbWb "stmdb" [Tied] StoreMany { before: true, writeback: true };
    Push "push" [] Push;
    Pop "pop" [] Pop;
    // Control. B takes a condition; imm is the displacement from PC in bytes.
    B "b" [] Branch;
    Bl "bl" [] Call;
    BlxR "blx" [Use] CallReg;
    BxR "bx" [Use] BranchReg;
    Cbz "cbz" [Use] CompareBranch { zero: true };
    Cbnz "cbnz" [Use] CompareBranch { zero: false };
    // [rn rm]: jump by twice the table entry at rn + rm (Tbb) or rn + 2 * rm (Tbh).
    Tbb "tbb" [Use Use] TableBranch { wide: false };
    Tbh "tbh" [Use Use] TableBranch { wide: true };
    // imm is the mask field with its terminating one, as encoded; `cond` is the first condition.
    It "it" [] It;
    Nop "nop" [] Nop;
    Udf "udf" [] Udf;
    Bkpt "bkpt" [] Bkpt;
    // The floating-point extension. VCMP sets the flags of FPSCR, which VMRS copies to those of conditions.
    VaddF32 "vadd.f32" [Def Use Use] Vfp(V::Arith(Arith::Add, F32));
    VaddF64 "vadd.f64" [Def Use Use] Vfp(V::Arith(Arith::Add, F64));
    VsubF32 "vsub.f32" [Def Use Use] Vfp(V::Arith(Arith::Sub, F32));
    VsubF64 "vsub.f64" [Def Use Use] Vfp(V::Arith(Arith::Sub, F64));
    VmulF32 "vmul.f32" [Def Use Use] Vfp(V::Arith(Arith::Mul, F32));
    VmulF64 "vmul.f64" [Def Use Use] Vfp(V::Arith(Arith::Mul, F64));
    VdivF32 "vdiv.f32" [Def Use Use] Vfp(V::Arith(Arith::Div, F32));
    VdivF64 "vdiv.f64" [Def Use Use] Vfp(V::Arith(Arith::Div, F64));
    VmaxnmF32 "vmaxnm.f32" [Def Use Use] Vfp(V::Arith(Arith::MaxNm, F32));
    VmaxnmF64 "vmaxnm.f64" [Def Use Use] Vfp(V::Arith(Arith::MaxNm, F64));
    VminnmF32 "vminnm.f32" [Def Use Use] Vfp(V::Arith(Arith::MinNm, F32));
    VminnmF64 "vminnm.f64" [Def Use Use] Vfp(V::Arith(Arith::MinNm, F64));
    VsqrtF32 "vsqrt.f32" [Def Use] Vfp(V::Sqrt(F32));
    VsqrtF64 "vsqrt.f64" [Def Use] Vfp(V::Sqrt(F64));
    VnegF32 "vneg.f32" [Def Use] Vfp(V::Neg(F32));
    VnegF64 "vneg.f64" [Def Use] Vfp(V::Neg(F64));
    VabsF32 "vabs.f32" [Def Use] Vfp(V::Abs(F32));
    VabsF64 "vabs.f64" [Def Use] Vfp(V::Abs(F64));
    VmovRF32 "vmov.f32" [Def Use] Vfp(V::Move(F32));
    VmovRF64 "vmov.f64" [Def Use] Vfp(V::Move(F64));
    VmovIF32 "vmov.f32" [Def] Vfp(V::Const(F32));
    VmovIF64 "vmov.f64" [Def] Vfp(V::Const(F64));
    VrintaF32 "vrinta.f32" [Def Use] Vfp(V::Round(Rounding::Away, F32));
    VrintaF64 "vrinta.f64" [Def Use] Vfp(V::Round(Rounding::Away, F64));
    VrintnF32 "vrintn.f32" [Def Use] Vfp(V::Round(Rounding::Even, F32));
    VrintnF64 "vrintn.f64" [Def Use] Vfp(V::Round(Rounding::Even, F64));
    VrintpF32 "vrintp.f32" [Def Use] Vfp(V::Round(Rounding::Up, F32));
    VrintpF64 "vrintp.f64" [Def Use] Vfp(V::Round(Rounding::Up, F64));
    VrintmF32 "vrintm.f32" [Def Use] Vfp(V::Round(Rounding::Down, F32));
    VrintmF64 "vrintm.f64" [Def Use] Vfp(V::Round(Rounding::Down, F64));
    VrintzF32 "vrintz.f32" [Def Use] Vfp(V::Round(Rounding::Zero, F32));
    VrintzF64 "vrintz.f64" [Def Use] Vfp(V::Round(Rounding::Zero, F64));
    VrintrF32 "vrintr.f32" [Def Use] Vfp(V::Round(Rounding::Even, F32));
    VrintrF64 "vrintr.f64" [Def Use] Vfp(V::Round(Rounding::Even, F64));
    VrintxF32 "vrintx.f32" [Def Use] Vfp(V::Round(Rounding::Even, F32));
    VrintxF64 "vrintx.f64" [Def Use] Vfp(V::Round(Rounding::Even, F64));
    VcmpF32 "vcmp.f32" [Use Use] Vfp(V::Compare(F32));
    VcmpF64 "vcmp.f64" [Use Use] Vfp(V::Compare(F64));
    VcmpZeroF32 "vcmp.f32" [Use] Vfp(V::CompareZero(F32));
    VcmpZeroF64 "vcmp.f64" [Use] Vfp(V::CompareZero(F64));
    VselEqF32 "vseleq.f32" [Def Use Use] Vfp(V::Select(Cond::Eq, F32));
    VselEqF64 "vseleq.f64" [Def Use Use] Vfp(V::Select(Cond::Eq, F64));
    VselVsF32 "vselvs.f32" [Def Use Use] Vfp(V::Select(Cond::Vs, F32));
    VselVsF64 "vselvs.f64" [Def Use Use] Vfp(V::Select(Cond::Vs, F64));
    VselGeF32 "vselge.f32" [Def Use Use] Vfp(V::Select(Cond::Ge, F32));
    VselGeF64 "vselge.f64" [Def Use Use] Vfp(V::Select(Cond::Ge, F64));
    VselGtF32 "vselgt.f32" [Def Use Use] Vfp(V::Select(Cond::Gt, F32));
    VselGtF64 "vselgt.f64" [Def Use Use] Vfp(V::Select(Cond::Gt, F64));
    VcvtS32F32 "vcvt.s32.f32" [Def Use] Vfp(V::ToInt { signed: true, rounding: Rounding::Zero, from: F32 });
    VcvtS32F64 "vcvt.s32.f64" [Def Use] Vfp(V::ToInt { signed: true, rounding: Rounding::Zero, from: F64 });
    VcvtrS32F32 "vcvtr.s32.f32" [Def Use] Vfp(V::ToInt { signed: true, rounding: Rounding::Even, from: F32 });
    VcvtrS32F64 "vcvtr.s32.f64" [Def Use] Vfp(V::ToInt { signed: true, rounding: Rounding::Even, from: F64 });
    VcvtF32S32 "vcvt.f32.s32" [Def Use] Vfp(V::FromInt { signed: true, to: F32 });
    VcvtF64S32 "vcvt.f64.s32" [Def Use] Vfp(V::FromInt { signed: true, to: F64 });
    VcvtU32F32 "vcvt.u32.f32" [Def Use] Vfp(V::ToInt { signed: false, rounding: Rounding::Zero, from: F32 });
    VcvtU32F64 "vcvt.u32.f64" [Def Use] Vfp(V::ToInt { signed: false, rounding: Rounding::Zero, from: F64 });
    VcvtrU32F32 "vcvtr.u32.f32" [Def Use] Vfp(V::ToInt { signed: false, rounding: Rounding::Even, from: F32 });
    VcvtrU32F64 "vcvtr.u32.f64" [Def Use] Vfp(V::ToInt { signed: false, rounding: Rounding::Even, from: F64 });
    VcvtF32U32 "vcvt.f32.u32" [Def Use] Vfp(V::FromInt { signed: false, to: F32 });
    VcvtF64U32 "vcvt.f64.u32" [Def Use] Vfp(V::FromInt { signed: false, to: F64 });
    VcvtF64F32 "vcvt.f64.f32" [Def Use] Vfp(V::Widen);
    VcvtF32F64 "vcvt.f32.f64" [Def Use] Vfp(V::Narrow);
    Vmrs "vmrs" [] Vfp(V::Flags);
    // The low word of a `d` register is in the first of two core registers.
    VmovSR "vmov" [Def Use] Vfp(V::FromCore);
    VmovRS "vmov" [Def Use] Vfp(V::ToCore);
    VmovDRR "vmov" [Def Use Use] Vfp(V::FromPair);
    VmovRRD "vmov" [Def Def Use] Vfp(V::ToPair);
    VldrS "vldr" [Def Use] Vfp(V::Load(F32, Offset));
    VldrD "vldr" [Def Use] Vfp(V::Load(F64, Offset));
    VldrLitS "vldr" [Def] Vfp(V::Load(F32, Literal));
    VldrLitD "vldr" [Def] Vfp(V::Load(F64, Literal));
    VstrS "vstr" [Use Use] Vfp(V::Store(F32));
    VstrD "vstr" [Use Use] Vfp(V::Store(F64));
    Vpush "vpush" [] Vfp(V::Push);
    Vpop "vpop" [] Vfp(V::Pop);
}
