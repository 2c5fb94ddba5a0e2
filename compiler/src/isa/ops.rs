//! The operations: one row each, with operand roles.

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

macro_rules! ops {
    ($($(#[$m:meta])* $name:ident $mnemonic:literal [$($role:ident)*];)*) => {
        /// An operation: a mnemonic with one operand shape.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $($(#[$m])* $name,)* }
        impl Op {
            /// Every operation.
            pub const ALL: &[Op] = &[$(Op::$name,)*];
            /// The UAL mnemonic without suffixes.
            pub fn mnemonic(self) -> &'static str {
                match self { $(Op::$name => $mnemonic,)* }
            }
            /// The role of each register operand, in the order of `Inst::regs`.
            pub fn roles(self) -> &'static [Role] {
                match self { $(Op::$name => &[$(Role::$role,)*],)* }
            }
        }
    };
}

ops! {
    // Data processing with a (modified) immediate.
    AddI "add" [Def Use]; SubI "sub" [Def Use]; RsbI "rsb" [Def Use];
    AdcI "adc" [Def Use]; SbcI "sbc" [Def Use];
    AndI "and" [Def Use]; OrrI "orr" [Def Use]; EorI "eor" [Def Use]; BicI "bic" [Def Use]; OrnI "orn" [Def Use];
    MovI "mov" [Def]; MvnI "mvn" [Def]; Movw "movw" [Def]; Movt "movt" [Tied];
    CmpI "cmp" [Use]; CmnI "cmn" [Use]; TstI "tst" [Use]; TeqI "teq" [Use];
    // Data processing with a register, shifted by a constant.
    AddR "add" [Def Use Use]; SubR "sub" [Def Use Use]; RsbR "rsb" [Def Use Use];
    AdcR "adc" [Def Use Use]; SbcR "sbc" [Def Use Use];
    AndR "and" [Def Use Use]; OrrR "orr" [Def Use Use]; EorR "eor" [Def Use Use]; BicR "bic" [Def Use Use]; OrnR "orn" [Def Use Use];
    MovR "mov" [Def Use]; MvnR "mvn" [Def Use];
    CmpR "cmp" [Use Use]; CmnR "cmn" [Use Use]; TstR "tst" [Use Use]; TeqR "teq" [Use Use];
    // Shifts as instructions of their own: the amount is `imm`, or the low byte of the last register.
    LslI "lsl" [Def Use]; LsrI "lsr" [Def Use]; AsrI "asr" [Def Use]; RorI "ror" [Def Use]; Rrx "rrx" [Def Use];
    LslR "lsl" [Def Use Use]; LsrR "lsr" [Def Use Use]; AsrR "asr" [Def Use Use]; RorR "ror" [Def Use Use];
    // Multiplication and division. Mla is rd = rn * rm + ra, Mls is rd = ra - rn * rm: [rd rn rm ra].
    Mul "mul" [Def Use Use]; Mla "mla" [Def Use Use Use]; Mls "mls" [Def Use Use Use];
    // [rdlo rdhi rn rm]
    Umull "umull" [Def Def Use Use]; Smull "smull" [Def Def Use Use];
    Umlal "umlal" [Tied Tied Use Use]; Smlal "smlal" [Tied Tied Use Use]; Umaal "umaal" [Tied Tied Use Use];
    Sdiv "sdiv" [Def Use Use]; Udiv "udiv" [Def Use Use];
    Smmul "smmul" [Def Use Use];
    Smulbb "smulbb" [Def Use Use]; Smlabb "smlabb" [Def Use Use Use];
    // Bits. Bit fields: imm is the lowest bit, imm2 the width.
    Clz "clz" [Def Use]; Rbit "rbit" [Def Use]; Rev "rev" [Def Use]; Rev16 "rev16" [Def Use]; Revsh "revsh" [Def Use];
    Sxtb "sxtb" [Def Use]; Sxth "sxth" [Def Use]; Uxtb "uxtb" [Def Use]; Uxth "uxth" [Def Use];
    Sxtab "sxtab" [Def Use Use]; Sxtah "sxtah" [Def Use Use]; Uxtab "uxtab" [Def Use Use]; Uxtah "uxtah" [Def Use Use];
    Ubfx "ubfx" [Def Use]; Sbfx "sbfx" [Def Use]; Bfi "bfi" [Tied Use]; Bfc "bfc" [Tied];
    // Saturation to `imm` bits (SSAT 1-32, USAT 0-31), operand shifted by LSL or ASR.
    Ssat "ssat" [Def Use]; Usat "usat" [Def Use];
    // Loads: [rt rn] with offset imm; [rt rn rm] with LSL 0-3; Pre and Post write the base back.
    LdrI "ldr" [Def Use]; LdrbI "ldrb" [Def Use]; LdrhI "ldrh" [Def Use]; LdrsbI "ldrsb" [Def Use]; LdrshI "ldrsh" [Def Use];
    LdrR "ldr" [Def Use Use]; LdrbR "ldrb" [Def Use Use]; LdrhR "ldrh" [Def Use Use]; LdrsbR "ldrsb" [Def Use Use]; LdrshR "ldrsh" [Def Use Use];
    LdrPre "ldr" [Def Tied]; LdrbPre "ldrb" [Def Tied]; LdrhPre "ldrh" [Def Tied]; LdrsbPre "ldrsb" [Def Tied]; LdrshPre "ldrsh" [Def Tied];
    LdrPost "ldr" [Def Tied]; LdrbPost "ldrb" [Def Tied]; LdrhPost "ldrh" [Def Tied]; LdrsbPost "ldrsb" [Def Tied]; LdrshPost "ldrsh" [Def Tied];
    StrI "str" [Use Use]; StrbI "strb" [Use Use]; StrhI "strh" [Use Use];
    StrR "str" [Use Use Use]; StrbR "strb" [Use Use Use]; StrhR "strh" [Use Use Use];
    StrPre "str" [Use Tied]; StrbPre "strb" [Use Tied]; StrhPre "strh" [Use Tied];
    StrPost "str" [Use Tied]; StrbPost "strb" [Use Tied]; StrhPost "strh" [Use Tied];
    // Literal loads and address of a literal: imm is the displacement from Align(PC, 4).
    LdrLit "ldr" [Def]; Adr "adr" [Def];
    LdrdI "ldrd" [Def Def Use]; StrdI "strd" [Use Use Use];
    // Multiple registers: `list`; the Wb forms write the base back.
    Ldmia "ldmia" [Use]; LdmiaWb "ldmia" [Tied]; LdmdbWb "ldmdb" [Tied];
    Stmia "stmia" [Use]; StmiaWb "stmia" [Tied]; StmdbWb "stmdb" [Tied];
    Push "push" []; Pop "pop" [];
    // Control. B takes a condition; imm is the displacement from PC in bytes.
    B "b" []; Bl "bl" []; BlxR "blx" [Use]; BxR "bx" [Use];
    Cbz "cbz" [Use]; Cbnz "cbnz" [Use];
    // [rn rm]: jump by twice the table entry at rn + rm (Tbb) or rn + 2 * rm (Tbh).
    Tbb "tbb" [Use Use]; Tbh "tbh" [Use Use];
    // imm is the mask field with its terminating one, as encoded; `cond` is the first condition.
    It "it" [];
    Nop "nop" []; Udf "udf" []; Bkpt "bkpt" [];
}
