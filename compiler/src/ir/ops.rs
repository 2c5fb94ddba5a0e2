//! The operations of the IR: one row each.
//!
//! A row gives the name in text, whether the operation floats or is pinned, the types of operands and result, and what the
//! immediate means if there is one.
//! The verifier, the printer, the parser, hash-consing and scheduling read nothing but the row; the meaning of the
//! floating operations is [`super::eval`].

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ty {
    /// No value.
    Void,
    /// 32 bits.
    I32,
    /// 64 bits; only before 64-bit values are split.
    I64,
    /// Two 32-bit words, low and high, that one operation makes together; read through projections.
    Pair,
    /// A float of 32 bits, where a function or a global declares its type; its value is an `i32`.
    F32,
    /// A float of 64 bits, where a function or a global declares its type; its value is an `i64`.
    F64,
}

impl Ty {
    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            Ty::Void => "void",
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::Pair => "pair",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
        }
    }
    /// The type that values of a declared type have in the IR: a float is its bits.
    pub fn bits(self) -> Ty {
        match self {
            Ty::F32 => Ty::I32,
            Ty::F64 => Ty::I64,
            Ty::Void | Ty::I32 | Ty::I64 | Ty::Pair => self,
        }
    }
    /// How many 32-bit words a value has.
    pub fn words(self) -> u32 {
        match self {
            Ty::Void => 0,
            Ty::I32 | Ty::F32 => 1,
            Ty::I64 | Ty::Pair | Ty::F64 => 2,
        }
    }
    /// All bits of a value of this type.
    pub fn mask(self) -> u64 {
        if matches!(self, Ty::I32 | Ty::F32) {
            0xffff_ffff
        } else {
            u64::MAX
        }
    }
}

/// The type rule of one operand or result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sig {
    /// `i32` or `i64`, the same at every `T` of the row.
    T,
    /// `i32`.
    I,
    /// `i64`.
    L,
    /// `pair`.
    P,
    /// None.
    V,
    /// Whatever the node says.
    A,
}

/// Where an operation may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Has no effect and no fixed place: equal nodes are one node, and scheduling decides where it is computed.
    Float,
    /// Reads state or has an effect: keeps its place in its block.
    Pin,
    /// A block parameter.
    Param,
}

/// What the immediate of an operation means: how text shows it, and which values it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImmKind {
    /// There is none: it is 0.
    None,
    /// Bits of the constant, within the type.
    Bits,
    /// A byte offset, 32 bits unsigned; above bit 32 the number of the memory, for accesses to linear memory.
    Offset,
    /// The number of a memory.
    Memory,
    /// The number of the memory that is written, and above bit 32 of the one that is read.
    Memories,
    /// The code of a trap kind.
    Trap,
    /// The number of a result.
    Index,
    /// The number of a global, and above bit 32 of its word.
    Global,
    /// The index of a function.
    Func,
    /// The number of an operation on floats; see [`super::floats`].
    Fp,
    /// The number of a function type of the module.
    Type,
    /// The number of a symbol above bit 32, and a byte offset; see [`SymKind`].
    Sym,
    /// The block of a parameter.
    Block,
}

macro_rules! ops {
    (@arity [] ) => { Some(0) };
    (@arity [*] ) => { None };
    (@arity [$($s:ident)*] ) => { Some([$(Sig::$s),*].len()) };
    (@sig [*]) => { &[] };
    (@sig [$($s:ident)*]) => { &[$(Sig::$s),*] };
    (@imm) => { ImmKind::None };
    (@imm $kind:ident) => { ImmKind::$kind };
    ($($(#[$m:meta])* $name:ident $text:literal $class:ident $args:tt -> $ret:ident $(, $imm:ident)?;)*) => {
        /// An operation of the IR.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $($(#[$m])* $name,)* }
        impl Op {
            /// Every operation.
            pub const ALL: &[Op] = &[$(Op::$name,)*];
            /// The name in text.
            pub const fn text(self) -> &'static str { match self { $(Op::$name => $text,)* } }
            /// Whether it floats.
            #[inline]
            pub const fn class(self) -> Class {
                const CLASSES: [Class; Op::ALL.len()] = [$(Class::$class,)*];
                CLASSES[self as usize]
            }
            /// How many operands; `None` is any number.
            pub const fn arity(self) -> Option<usize> { match self { $(Op::$name => ops!(@arity $args),)* } }
            /// Types of the operands (empty if the number is free).
            pub const fn arg_sigs(self) -> &'static [Sig] { match self { $(Op::$name => ops!(@sig $args),)* } }
            /// Type of the result.
            pub const fn ret_sig(self) -> Sig { match self { $(Op::$name => Sig::$ret,)* } }
            /// What the immediate means.
            pub const fn imm_kind(self) -> ImmKind { match self { $(Op::$name => ops!(@imm $($imm)?),)* } }
        }
    };
}

ops! {
    /// A block parameter; `imm` is the block.
    Param "param" Param [] -> A, Block;
    /// The constant `imm` (zero-extended to 64 bits).
    Const "const" Float [] -> T, Bits;
    /// Sum modulo 2^N.
    Add "add" Float [T T] -> T;
    /// Difference modulo 2^N.
    Sub "sub" Float [T T] -> T;
    /// Product modulo 2^N.
    Mul "mul" Float [T T] -> T;
    /// Bitwise and.
    And "and" Float [T T] -> T;
    /// Bitwise or.
    Or "or" Float [T T] -> T;
    /// Bitwise exclusive or.
    Xor "xor" Float [T T] -> T;
    /// Left shift, amount modulo N.
    Shl "shl" Float [T T] -> T;
    /// Arithmetic right shift, amount modulo N.
    ShrS "shr_s" Float [T T] -> T;
    /// Logical right shift, amount modulo N.
    ShrU "shr_u" Float [T T] -> T;
    /// Left rotation, amount modulo N.
    Rotl "rotl" Float [T T] -> T;
    /// Right rotation, amount modulo N.
    Rotr "rotr" Float [T T] -> T;
    /// Signed quotient towards zero; 0 where the divisor is 0; INT_MIN / -1 is INT_MIN.
    DivS "div_s" Float [T T] -> T;
    /// Unsigned quotient; 0 where the divisor is 0.
    DivU "div_u" Float [T T] -> T;
    /// Signed remainder; the dividend where the divisor is 0.
    RemS "rem_s" Float [T T] -> T;
    /// Unsigned remainder; the dividend where the divisor is 0.
    RemU "rem_u" Float [T T] -> T;
    /// Leading zeros; N for 0.
    Clz "clz" Float [T] -> T;
    /// Trailing zeros; N for 0.
    Ctz "ctz" Float [T] -> T;
    /// Number of ones.
    Popcnt "popcnt" Float [T] -> T;
    /// Sign extension of the low 8 bits.
    Sext8 "sext8" Float [T] -> T;
    /// Sign extension of the low 16 bits.
    Sext16 "sext16" Float [T] -> T;
    /// Sign extension of the low 32 bits.
    Sext32 "sext32" Float [L] -> L;
    /// Sign extension of an i32.
    ExtendS "extend_s" Float [I] -> L;
    /// Zero extension of an i32.
    ExtendU "extend_u" Float [I] -> L;
    /// The low 32 bits.
    Wrap "wrap" Float [L] -> I;
    /// 1 if equal, else 0.
    Eq "eq" Float [T T] -> I;
    /// 1 if different.
    Ne "ne" Float [T T] -> I;
    /// 1 if less, signed.
    LtS "lt_s" Float [T T] -> I;
    /// 1 if less, unsigned.
    LtU "lt_u" Float [T T] -> I;
    /// 1 if less or equal, signed.
    LeS "le_s" Float [T T] -> I;
    /// 1 if less or equal, unsigned.
    LeU "le_u" Float [T T] -> I;
    /// The lesser, signed.
    MinS "min_s" Float [T T] -> T;
    /// The greater, signed.
    MaxS "max_s" Float [T T] -> T;
    /// The lesser, unsigned.
    MinU "min_u" Float [T T] -> T;
    /// The greater, unsigned.
    MaxU "max_u" Float [T T] -> T;
    /// The second operand if the first is not zero, else the third.
    Select "select" Float [I T T] -> T;
    /// Result `imm` of a call; after 64-bit values are split, its word `imm`.
    Proj "proj" Float [A] -> A, Index;
    /// The low word of a pair.
    Lo "lo" Float [P] -> I;
    /// The high word of a pair.
    Hi "hi" Float [P] -> I;
    /// 64-bit sum of (low, high, low, high).
    Add64 "add64" Float [I I I I] -> P;
    /// 64-bit difference.
    Sub64 "sub64" Float [I I I I] -> P;
    /// Full unsigned product of two words.
    MulWideU "mul_wide_u" Float [I I] -> P;
    /// Full signed product of two words.
    MulWideS "mul_wide_s" Float [I I] -> P;
    /// 64-bit sum of (low, high) and the full unsigned product of the last two.
    MulAddU "mul_add_u" Float [I I I I] -> P;
    /// 64-bit sum of (low, high) and the full signed product of the last two.
    MulAddS "mul_add_s" Float [I I I I] -> P;
    /// 64-bit left shift of (low, high) by the third modulo 64.
    Shl64 "shl64" Float [I I I] -> P;
    /// 64-bit logical right shift.
    ShrU64 "shr_u64" Float [I I I] -> P;
    /// 64-bit arithmetic right shift.
    ShrS64 "shr_s64" Float [I I I] -> P;
    /// 1 if the first 64-bit value is less, unsigned.
    LtU64 "lt_u64" Float [I I I I] -> I;
    /// 1 if the first 64-bit value is less, signed.
    LtS64 "lt_s64" Float [I I I I] -> I;
    /// 64-bit unsigned quotient; as `div_u`.
    DivU64 "div_u64" Float [I I I I] -> P;
    /// 64-bit signed quotient; as `div_s`.
    DivS64 "div_s64" Float [I I I I] -> P;
    /// 64-bit unsigned remainder.
    RemU64 "rem_u64" Float [I I I I] -> P;
    /// 64-bit signed remainder.
    RemS64 "rem_s64" Float [I I I I] -> P;
    /// Operation number `imm` on floats, which are given and returned as their bits; after 64-bit values are split,
    /// operands of 64 bits are words, and a result of 64 bits is a pair.
    Fp "fp" Float [*] -> A, Fp;

    /// The address of symbol `imm >> 32` plus the low word of `imm`; see [`SymKind`].
    Sym "sym" Float [] -> I, Sym;
    /// Word at machine address operand + `imm`, outside of linear memory.
    GlobalLoad "global.load" Pin [I] -> I, Offset;
    /// Stores the second operand at machine address first + `imm`, outside of linear memory.
    GlobalStore "global.store" Pin [I T] -> V, Offset;

    /// Yields the first operand; traps with kind `imm` if the second is not zero.
    Guard "guard" Pin [T I] -> T, Trap;
    /// Yields its operand, which a dominating condition made safe for the operations that use this value.
    Assume "assume" Pin [T] -> T;
    /// Byte at the operand + `imm` of linear memory, zero-extended.
    Load8U "load8_u" Pin [I] -> I, Offset;
    /// Byte, sign-extended.
    Load8S "load8_s" Pin [I] -> I, Offset;
    /// Two bytes, zero-extended.
    Load16U "load16_u" Pin [I] -> I, Offset;
    /// Two bytes, sign-extended.
    Load16S "load16_s" Pin [I] -> I, Offset;
    /// Four bytes.
    Load32 "load32" Pin [I] -> I, Offset;
    /// Eight bytes; only before 64-bit values are split.
    Load64 "load64" Pin [I] -> L, Offset;
    /// Stores the low byte of the second operand at the first + `imm`.
    Store8 "store8" Pin [I I] -> V, Offset;
    /// Stores two bytes.
    Store16 "store16" Pin [I I] -> V, Offset;
    /// Stores four bytes.
    Store32 "store32" Pin [I I] -> V, Offset;
    /// Stores eight bytes; only before 64-bit values are split.
    Store64 "store64" Pin [I L] -> V, Offset;
    /// Copies bytes: to the first operand, from the second, as many as the third says. The ranges may overlap; nobody checks
    /// them here.
    MemoryCopy "memory.copy" Pin [I I I] -> V, Memories;
    /// Fills bytes: from the first operand on, with the low byte of the second, as many as the third says.
    MemoryFill "memory.fill" Pin [I I I] -> V, Memory;
    /// Value of global `imm`; after 64-bit values are split, of its word `imm >> 32`.
    GlobalGet "global.get" Pin [] -> T, Global;
    /// Sets global `imm`.
    GlobalSet "global.set" Pin [T] -> V, Global;
    /// Calls function `imm`; results are projections.
    Call "call" Pin [*] -> V, Func;
    /// Calls the function to which the first operand refers, of type `imm`, with the others; results are projections.
    CallIndirect "call_indirect" Pin [*] -> V, Type;
}

/// What a `sym` is the address of. Interpreters place linear memory at address 0, so that address
/// arithmetic means the same before and after symbols appear.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum SymKind {
    /// Linear memory.
    Memory = 0,
    /// The module's own global variables.
    Globals = 1,
    /// Imported or exported global number `kind - 2`, which has a symbol of its own.
    Global = 2,
    /// Contents of data number `kind - Data`, in flash.
    Data = 0x4000_0000,
    /// Contents of passive data segment number `kind - Segment`, in flash.
    Segment = 0x4800_0000,
    /// Function `kind - Func`: its address is a reference to it.
    Func = 0x5000_0000,
    /// The function of the same type and convention through which references enter function `kind - Thunk`.
    Thunk = 0x5800_0000,
    /// Table `kind - Table`.
    Table = 0x6000_0000,
    /// Linear memory number `kind - Memories`, which is not 0.
    Memories = 0x6800_0000,
    /// The references of element segment `kind - Elem`.
    Elem = 0x7000_0000,
}

impl SymKind {
    /// Those that stand for many things, with their names in text, from the highest number down.
    pub const MANY: [(SymKind, &str); 8] = [
        (SymKind::Elem, "elem"),
        (SymKind::Memories, "memory"),
        (SymKind::Table, "table"),
        (SymKind::Thunk, "thunk"),
        (SymKind::Func, "func"),
        (SymKind::Segment, "segment"),
        (SymKind::Data, "data"),
        (SymKind::Global, "global"),
    ];

    /// The symbol number of a memory.
    pub const fn of_memory(memory: u32) -> u32 {
        match memory {
            0 => SymKind::Memory as u32,
            k => SymKind::Memories as u32 + k,
        }
    }
    /// The memory that a symbol number stands for.
    pub fn memory(symbol: u32) -> Option<u32> {
        match SymKind::split(symbol) {
            (SymKind::Memory | SymKind::Memories, index) => Some(index),
            _ => None,
        }
    }
    /// What a symbol number (a `sym`'s immediate above bit 32) stands for, and which of its kind.
    pub fn split(number: u32) -> (SymKind, u32) {
        let many = SymKind::MANY.iter().find(|(k, _)| number >= *k as u32);
        match many {
            Some(&(kind, _)) => (kind, number - kind as u32),
            None if number == SymKind::Memory as u32 => (SymKind::Memory, 0),
            None => (SymKind::Globals, 0),
        }
    }

    /// The symbol number of the thing with this index, if there is room for it below the next kind.
    pub fn number(self, index: u32) -> Option<u32> {
        let number = (self as u32).checked_add(index)?;
        if self == SymKind::Memories && index == 0 {
            return None;
        }
        (number <= i32::MAX as u32 && SymKind::split(number) == (self, index)).then_some(number)
    }

    /// The immediate of a `sym` at the start of the thing with this index.
    pub fn imm(self, index: u32) -> i64 {
        i64::from(self as u32 + index) << 32
    }
}

/// The memory that an access with this immediate goes to.
pub const fn memory_of(imm: i64) -> u32 {
    (imm >> 32) as u32
}

impl Op {
    /// Whether operands may be exchanged.
    pub const fn is_commutative(self) -> bool {
        matches!(
            self,
            Op::Add
                | Op::Mul
                | Op::And
                | Op::Or
                | Op::Xor
                | Op::Eq
                | Op::Ne
                | Op::MulWideU
                | Op::MulWideS
                | Op::MinS
                | Op::MaxS
                | Op::MinU
                | Op::MaxU
        )
    }
    /// Whether the result is 0 or 1.
    pub const fn is_compare(self) -> bool {
        matches!(
            self,
            Op::Eq | Op::Ne | Op::LtS | Op::LtU | Op::LeS | Op::LeU | Op::LtU64 | Op::LtS64
        )
    }
    /// Bytes of memory read or written, for loads and stores.
    pub const fn access_bytes(self) -> Option<u32> {
        match self {
            Op::Load8U | Op::Load8S | Op::Store8 => Some(1),
            Op::Load16U | Op::Load16S | Op::Store16 => Some(2),
            Op::Load32 | Op::Store32 => Some(4),
            Op::Load64 | Op::Store64 => Some(8),
            _ => None,
        }
    }
    /// Whether it reads linear memory.
    pub const fn is_load(self) -> bool {
        matches!(
            self,
            Op::Load8U | Op::Load8S | Op::Load16U | Op::Load16S | Op::Load32 | Op::Load64
        )
    }
    /// Whether it writes linear memory at one address.
    pub const fn is_store(self) -> bool {
        matches!(self, Op::Store8 | Op::Store16 | Op::Store32 | Op::Store64)
    }
    /// Whether a pinned operation can go if nothing uses its result.
    pub const fn is_removable(self) -> bool {
        matches!(self, Op::Assume | Op::GlobalGet | Op::GlobalLoad) || self.is_load()
    }
    /// The operation with this name.
    pub fn from_text(text: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|o| o.text() == text)
    }
}
