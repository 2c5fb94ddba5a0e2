//! The IR: SSA in which pure values float and effects are pinned.

pub mod cfg;
pub mod cursor;
pub mod eval;
pub mod floats;
pub mod func;
pub mod interp;
pub mod module;
pub mod ops;
pub mod order;
pub mod parse;
pub mod text;
pub mod verify;

pub use cfg::Cfg;
pub use floats::Fp;
pub use func::{Args, Block, BlockData, Edge, Func, Node, Term, TermOp, Value};
pub use module::{
    Base, Data, Elem, ElemMode, Entry, ExprOp, FuncDecl, FuncType, Global, GlobalInit, Import,
    MACHINE, Memory, Module, Table, TypeDecl,
};
pub use ops::{Class, ImmKind, Op, Sig, Ty};
