//! Trap kinds: one row each, with the code that `UDF #code` carries.

macro_rules! traps {
    ($($code:literal $name:ident $text:literal;)*) => {
        /// Why execution stopped (WebAssembly specification, 4.4 and appendix "Traps").
        #[allow(missing_docs)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum TrapKind { $($name = $code,)* }
        impl TrapKind {
            /// Every kind.
            pub const ALL: &[TrapKind] = &[$(TrapKind::$name,)*];
            /// The immediate of the `UDF` instruction.
            pub fn code(self) -> u8 { self as u8 }
            /// The kind of a `UDF` immediate.
            pub fn from_code(code: u8) -> Option<TrapKind> {
                match code { $($code => Some(TrapKind::$name),)* _ => None }
            }
            /// Its name in the text of the IR.
            pub fn name(self) -> &'static str {
                match self { $(TrapKind::$name => stringify!($name),)* }
            }
            /// The kind of a name.
            pub fn from_name(name: &str) -> Option<TrapKind> {
                TrapKind::ALL.iter().copied().find(|k| k.name() == name)
            }
            /// The specification's words for it.
            pub fn text(self) -> &'static str {
                match self { $(TrapKind::$name => $text,)* }
            }
        }
    };
}

traps! {
    1 Unreachable "unreachable";
    2 DivideByZero "integer divide by zero";
    3 IntegerOverflow "integer overflow";
    4 OutOfBounds "out of bounds memory access";
    5 StackExhausted "call stack exhausted";
    6 UndefinedElement "undefined element";
    7 UninitializedElement "uninitialized element";
    8 IndirectCallType "indirect call type mismatch";
    9 TableOutOfBounds "out of bounds table access";
    10 InvalidConversion "invalid conversion to integer";
}
