//! The code of a sweep.
//!
//! In: its description, and the memory. Out: instructions, and which of them are the accesses. Every access that is done counts one in a
//! global; what loads give goes into another.

use super::module::{DONE, SUM, WIDE, WORD, segment_start};
use super::operator::Operator;
use super::sweep::{Form, Sweep};
use crate::program::Ty;
use wasm_encoder::{BlockType, Instruction as I, MemArg, MemArgTarget};

/// Locals of a sweep: its parameters, and one for a wide value.
const AT: u32 = 0;
const LEFT: u32 = 1;
const THIRD: u32 = 2;
const VALUE: u32 = 3;
/// Instructions of a sweep's function, and the numbers of its accesses among them.
pub fn body(sweep: &Sweep, memory: u32) -> (Vec<I<'static>>, Vec<usize>) {
    let mut body = Body {
        sweep,
        memory,
        code: Vec::new(),
        accesses: Vec::new(),
    };
    body.make();
    (body.code, body.accesses)
}

/// A function while it is made.
struct Body<'a> {
    sweep: &'a Sweep,
    memory: u32,
    code: Vec<I<'static>>,
    /// Where in the code the accesses are.
    accesses: Vec<usize>,
}

impl Body<'_> {
    fn add(&mut self, code: &[I<'static>]) {
        self.code.extend_from_slice(code);
    }

    fn i32(&mut self, value: u32) {
        self.code.push(I::I32Const(value as i32));
    }

    fn index(&mut self) {
        let (c, op) = match self.sweep.form {
            Form::Constant(c) => return self.i32(c),
            Form::Sum(c) => (c, I::I32Add),
            Form::Shifted(c) => (c, I::I32Shl),
            Form::Masked(c) => {
                self.add(&[I::LocalGet(AT), I::I32Const(15), I::I32And]);
                self.i32(c);
                return self.add(&[I::I32Add]);
            }
            _ => return self.add(&[I::LocalGet(AT)]),
        };
        self.add(&[I::LocalGet(AT)]);
        self.i32(c);
        self.add(&[op]);
    }

    /// A value that follows from the count.
    fn value(&mut self, ty: Ty) {
        self.add(&[I::GlobalGet(DONE)]);
        self.i32(WORD.0);
        self.add(&[I::I32Mul]);
        self.i32(WORD.1);
        self.add(&[I::I32Add]);
        let wide = [I::I64ExtendI32U, I::I64Const(WIDE as i64), I::I64Mul];
        match ty {
            Ty::I32 => {}
            Ty::F32 => self.add(&[I::F32ReinterpretI32]),
            Ty::I64 => self.add(&wide),
            Ty::F64 => {
                self.add(&wide);
                self.add(&[I::F64ReinterpretI64]);
            }
        }
    }

    /// One word of a value: its low one, and three times its high one.
    fn fold(&mut self, ty: Ty) {
        match ty {
            Ty::I32 => return,
            Ty::F32 => return self.add(&[I::I32ReinterpretF32]),
            Ty::F64 => self.add(&[I::I64ReinterpretF64]),
            Ty::I64 => {}
        }
        self.add(&[I::LocalTee(VALUE), I::I32WrapI64, I::LocalGet(VALUE)]);
        self.add(&[I::I64Const(32), I::I64ShrU, I::I32WrapI64]);
        self.add(&[I::I32Const(3), I::I32Mul, I::I32Add]);
    }

    fn access(&mut self, operator: Operator) {
        let mem = self.memory;
        let arg = |width: u32| MemArg {
            offset: u64::from(self.sweep.offset),
            align: self.sweep.align.min(width.trailing_zeros()),
            target: MemArgTarget::Memory(mem),
            ordering: None,
        };
        let (arg, mut last) = (arg(operator.width()), Vec::new());
        let instruction = match operator {
            Operator::Load(ty, _, _, make) => {
                self.add(&[I::GlobalGet(SUM), I::I32Const(5), I::I32Rotl]);
                self.index();
                last.push(ty);
                make(arg)
            }
            Operator::Store(ty, _, make) => {
                self.index();
                self.value(ty);
                make(arg)
            }
            Operator::Fill(_) => {
                self.index();
                self.value(Ty::I32);
                self.length();
                I::MemoryFill(mem)
            }
            Operator::CopyTo(_) | Operator::CopyFrom(_) => {
                if matches!(operator, Operator::CopyFrom(_)) {
                    self.i32(0);
                    self.index();
                } else {
                    self.index();
                    self.i32(0);
                }
                self.length();
                I::MemoryCopy {
                    src_mem: mem,
                    dst_mem: mem,
                }
            }
            Operator::Init(n) => {
                self.index();
                self.i32(segment_start(n) as u32);
                self.length();
                I::MemoryInit { mem, data_index: 0 }
            }
        };
        self.accesses.push(self.code.len());
        self.add(&[instruction]);
        for ty in last {
            self.fold(ty);
            self.add(&[I::I32Add, I::GlobalSet(SUM)]);
        }
        self.add(&[I::GlobalGet(DONE), I::I32Const(1), I::I32Add]);
        self.add(&[I::GlobalSet(DONE)]);
    }

    /// The length of a range.
    fn length(&mut self) {
        match self.sweep.known {
            true => self.i32(self.sweep.operator.width()),
            false => self.add(&[I::LocalGet(THIRD)]),
        }
    }

    fn make(&mut self) {
        let form = self.sweep.form;
        if let Form::Counted(from, ..) = form {
            self.i32(from);
            self.add(&[I::LocalSet(AT)]);
        }
        self.add(&[I::Loop(BlockType::Empty)]);
        if let Form::Growing = form {
            self.add(&[I::LocalGet(LEFT), I::LocalGet(THIRD), I::I32Eq]);
            self.add(&[I::If(BlockType::Empty), I::I32Const(1)]);
            self.add(&[I::MemoryGrow(self.memory), I::Drop, I::End]);
        }
        if let Form::Below(limit) = form {
            self.add(&[I::Block(BlockType::Empty), I::LocalGet(AT)]);
            self.i32(limit);
            self.add(&[I::I32GeU, I::BrIf(0)]);
        }
        for operator in self.sweep.accesses() {
            self.access(operator);
        }
        if let Form::Below(_) = form {
            self.add(&[I::End]);
        }
        self.add(&[I::LocalGet(AT), I::I32Const(1), I::I32Add]);
        if let Form::Counted(_, end, equal) = form {
            self.add(&[I::LocalTee(AT)]);
            self.i32(end);
            self.add(&[if equal { I::I32Ne } else { I::I32LtU }]);
        } else {
            self.add(&[I::LocalSet(AT), I::LocalGet(LEFT), I::I32Const(1)]);
            self.add(&[I::I32Sub, I::LocalTee(LEFT)]);
        }
        self.add(&[I::BrIf(0), I::End, I::End]);
    }
}
