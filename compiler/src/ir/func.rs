//! Functions: floating values, blocks of pinned ones, terminators.
//!
//! Everything is a uniform record. A [`Node`] is `{op, type, operands, imm}`; a floating node has no place until
//! scheduling, a pinned one stands in `Block::insts`, a parameter in `Block::params`. Invariants: [`super::verify`].

use super::ops::{Class, Op, Ty};
use crate::trap::TrapKind;
use smallvec::SmallVec;

/// A value: index of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Value(pub u32);

/// A block: index in `Func::blocks`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Block(pub u32);

/// Operands.
pub type Args = SmallVec<[Value; 4]>;

/// Other operands for these, one for one. (Collecting or copying so few costs more than making them.)
pub fn map_args(args: &[Value], mut f: impl FnMut(Value) -> Value) -> Args {
    let mut few = [Value(0); 4];
    if args.len() > few.len() {
        return args.iter().map(|&a| f(a)).collect();
    }
    for (to, &a) in few.iter_mut().zip(args) {
        *to = f(a);
    }
    Args::from_buf_and_len(few, args.len())
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Type of its value.
    pub ty: Ty,
    /// Operands.
    pub args: Args,
    /// Constant, offset, index or trap kind: see the op.
    pub imm: i64,
    /// Byte offset in the WebAssembly binary; 0 if none.
    pub loc: u32,
}

impl Node {
    /// The same operation on other operands.
    pub fn with_args(&self, args: Args) -> Node {
        let (op, ty, imm, loc) = (self.op, self.ty, self.imm, self.loc);
        Node {
            op,
            ty,
            args,
            imm,
            loc,
        }
    }
}

/// A way to a block, with a value for each of its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// The target.
    pub to: Block,
    /// Values of the target's parameters.
    pub args: SmallVec<[Value; 3]>,
}

/// How a block ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TermOp {
    /// To edge 0.
    Jump,
    /// To edge 0 if operand 0 is not zero, else to edge 1.
    Br,
    /// To edge number operand 0 (unsigned), or to the last edge if there are not so many.
    Switch,
    /// Returns the operands.
    Return,
    /// Returns what this function returns for the operands, with nothing of the caller left on the stack.
    TailCall(u32),
    /// As `TailCall`, of the function of this type to which the first operand refers.
    TailCallIndirect(u32),
    /// Traps with this kind.
    Trap(TrapKind),
}

/// A terminator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Term {
    /// What it does.
    pub op: TermOp,
    /// Operands.
    pub args: SmallVec<[Value; 2]>,
    /// Ways out.
    pub edges: SmallVec<[Edge; 2]>,
    /// Byte offset in the WebAssembly binary; 0 if none.
    pub loc: u32,
}

impl Term {
    /// A trap.
    pub fn trap(kind: TrapKind, loc: u32) -> Term {
        Term {
            op: TermOp::Trap(kind),
            args: SmallVec::new(),
            edges: SmallVec::new(),
            loc,
        }
    }
    /// A jump.
    pub fn jump(to: Block, args: impl IntoIterator<Item = Value>) -> Term {
        let edge = Edge {
            to,
            args: args.into_iter().collect(),
        };
        Term {
            op: TermOp::Jump,
            args: SmallVec::new(),
            edges: smallvec::smallvec![edge],
            loc: 0,
        }
    }
}

/// A basic block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockData {
    /// Parameters; of the entry block: those of the function.
    pub params: Vec<Value>,
    /// Pinned nodes in order.
    pub insts: Vec<Value>,
    /// The end.
    pub term: Term,
}

/// A function. Block 0 is the entry; it has no predecessors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Func {
    /// Types of the results.
    pub results: Vec<Ty>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Blocks.
    pub blocks: Vec<BlockData>,
}

impl Func {
    /// A function with an entry block that traps, and its parameters. Types may be as declared.
    pub fn new(params: &[Ty], results: &[Ty]) -> Func {
        let mut f = Func {
            results: results.iter().map(|t| t.bits()).collect(),
            nodes: Vec::new(),
            blocks: Vec::new(),
        };
        let entry = f.add_block();
        for &ty in params {
            f.add_param(entry, ty.bits());
        }
        f
    }

    /// Gives back the room that nodes and blocks have to grow. The nodes move: an allocator may keep what a block
    /// loses by shrinking.
    pub fn compact(&mut self) {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        nodes.append(&mut self.nodes);
        self.nodes = nodes;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        blocks.append(&mut self.blocks);
        self.blocks = blocks;
    }

    /// The entry.
    pub const ENTRY: Block = Block(0);

    /// A new block that traps.
    pub fn add_block(&mut self) -> Block {
        self.blocks.push(BlockData {
            params: Vec::new(),
            insts: Vec::new(),
            term: Term::trap(TrapKind::Unreachable, 0),
        });
        Block(self.blocks.len() as u32 - 1)
    }

    /// A new parameter of a block.
    pub fn add_param(&mut self, block: Block, ty: Ty) -> Value {
        let v = self.add_node(Node {
            op: Op::Param,
            ty,
            args: Args::new(),
            imm: block.0 as i64,
            loc: 0,
        });
        self.blocks[block.0 as usize].params.push(v);
        v
    }

    /// A new node, placed nowhere.
    pub fn add_node(&mut self, node: Node) -> Value {
        self.nodes.push(node);
        Value(self.nodes.len() as u32 - 1)
    }

    /// A new floating node.
    pub fn float(&mut self, op: Op, ty: Ty, args: &[Value]) -> Value {
        self.add_node(Node {
            op,
            ty,
            args: Args::from_slice(args),
            imm: 0,
            loc: 0,
        })
    }

    /// A new constant.
    pub fn iconst(&mut self, ty: Ty, value: u64) -> Value {
        self.add_node(Node {
            op: Op::Const,
            ty,
            args: Args::new(),
            imm: (value & ty.mask()) as i64,
            loc: 0,
        })
    }

    /// A new pinned node at the end of a block.
    pub fn pin(
        &mut self,
        block: Block,
        op: Op,
        ty: Ty,
        args: &[Value],
        imm: i64,
        loc: u32,
    ) -> Value {
        let v = self.add_node(Node {
            op,
            ty,
            args: Args::from_slice(args),
            imm,
            loc,
        });
        self.blocks[block.0 as usize].insts.push(v);
        v
    }

    /// The node of a value.
    pub fn node(&self, v: Value) -> &Node {
        &self.nodes[v.0 as usize]
    }

    /// The type of a value.
    pub fn ty(&self, v: Value) -> Ty {
        self.node(v).ty
    }

    /// The bits of a constant.
    pub fn as_const(&self, v: Value) -> Option<u64> {
        let n = self.node(v);
        (n.op == Op::Const).then_some(n.imm as u64)
    }

    /// The block.
    pub fn block(&self, b: Block) -> &BlockData {
        &self.blocks[b.0 as usize]
    }

    /// The block, to change it.
    pub fn block_mut(&mut self, b: Block) -> &mut BlockData {
        &mut self.blocks[b.0 as usize]
    }

    /// Types of the parameters.
    pub fn param_types(&self) -> Vec<Ty> {
        self.blocks[0].params.iter().map(|&p| self.ty(p)).collect()
    }

    /// Whether the value floats.
    pub fn floats(&self, v: Value) -> bool {
        self.node(v).op.class() == Class::Float
    }

    /// Successors of a block, in edge order.
    pub fn succs(&self, b: Block) -> impl Iterator<Item = Block> + '_ {
        self.block(b).term.edges.iter().map(|e| e.to)
    }

    /// All blocks.
    pub fn block_ids(&self) -> impl Iterator<Item = Block> + use<> {
        (0..self.blocks.len() as u32).map(Block)
    }
}
