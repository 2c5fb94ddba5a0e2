//! Executes linear code: instructions with physical registers and labels, before they have bytes.
//!
//! In: the items of functions, as [`emit`](super::emit) or [`finish`](super::finish) leave them, the address at which each
//! function is entered, and the addresses of symbols. Out: registers, flags and memory changed, and where control left
//! the code. Each item stands in four bytes of its own, so that PC, return addresses and function addresses are numbers
//! as on the machine. Invariants: what an instruction does comes from [`Machine::perform`] and is not said here; flags
//! that layout may destroy are destroyed, so that code which reads them anyway is caught; a predicated instruction runs
//! under an IT instruction or before there is any. Every execution ends, by its limit.

use super::code::{Item, Kind, Label, Literal};
use super::mir::Symbol;
use crate::isa::exec::{Bus, Flags, Machine, Stop};
use crate::isa::{Class, Cond, Inst, Op, Reg};
use crate::options::Cpu;
use rustc_hash::FxHashMap;

/// Bytes that an item takes.
const SLOT: u32 = 4;

/// Why execution stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Halt {
    /// Control went to the address in PC, which is not in the program: back to who called it, or to an import.
    Outside,
    /// A trap of this kind's code.
    Trap(u8),
    /// What no program may do.
    Fault(String),
    /// The limit of steps.
    Limit,
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Halt {
        match stop {
            Stop::Limit => Halt::Limit,
            other => Halt::Fault(other.to_string()),
        }
    }
}

/// Flags that nothing may read: each is the opposite of what it was, so that whatever reads them goes wrong.
pub(super) fn scramble(flags: &mut Flags) {
    *flags = Flags {
        n: !flags.n,
        z: !flags.z,
        c: !flags.c,
        v: !flags.v,
    };
}

/// An item made ready: labels and symbols are addresses.
enum Step {
    Label,
    Inst(Inst),
    Branch(Cond, u32),
    BranchZero(Reg, bool, u32),
    Call(u32),
    TailCall(u32),
    Load(Reg, u32),
    Table(Reg, Vec<u32>),
    Trap(u8),
}

struct Function {
    entry: u32,
    steps: Vec<Step>,
    /// Whether IT instructions have been made.
    has_it: bool,
}

/// Functions made ready to run.
pub struct Linear {
    machine: Machine,
    /// By entry address.
    functions: Vec<Function>,
}

/// Bytes of addresses that a function takes; what lies right behind is not part of it.
pub fn extent(items: &[Item]) -> u32 {
    SLOT * (items.len() as u32 + 1)
}

impl Linear {
    /// Makes functions ready. Each is entered at its address, a multiple of 4, and takes [`extent`] bytes from there.
    /// `address` gives symbols, functions with the Thumb bit.
    ///
    /// # Errors
    /// Text that names a label or symbol that stands nowhere.
    pub fn new(
        cpu: Cpu,
        functions: &[(u32, &[Item])],
        address: &dyn Fn(Symbol) -> Option<u32>,
    ) -> Result<Linear, String> {
        let ready = |&(entry, items): &(u32, &[Item])| Function::new(entry, items, address);
        let mut functions = functions.iter().map(ready).collect::<Result<Vec<_>, _>>()?;
        functions.sort_by_key(|f| f.entry);
        Ok(Linear {
            machine: Machine::new(cpu),
            functions,
        })
    }

    /// Runs from PC until control leaves the code, for at most `limit` items. Registers are those of the machine, with
    /// the address of the next item in the last.
    pub fn run(&mut self, regs: &mut [u32; 16], bus: &mut impl Bus, limit: u64) -> Halt {
        self.machine.r = *regs;
        self.machine.it = 0;
        let mut halt = Halt::Limit;
        for _ in 0..limit {
            if let Err(found) = self.step(bus) {
                halt = found;
                break;
            }
        }
        *regs = self.machine.r;
        halt
    }

    /// The machine: flags, and the registers of the FPU.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    fn step(&mut self, bus: &mut impl Bus) -> Result<(), Halt> {
        let pc = self.machine.r[15];
        let at = self.functions.partition_point(|f| f.entry <= pc);
        let function = at.checked_sub(1).and_then(|i| self.functions.get(i));
        let place = function.map(|f| (f, (pc - f.entry) / SLOT));
        let Some((function, index)) = place.filter(|(f, i)| *i as usize <= f.steps.len()) else {
            return Err(Halt::Outside);
        };
        if !pc.is_multiple_of(SLOT) {
            return fault("control goes into the middle of an instruction");
        }
        let Some(step) = function.steps.get(index as usize) else {
            return fault("control runs past the end of a function");
        };
        let m = &mut self.machine;
        let block = m.it_condition();
        let next = pc + SLOT;
        let Step::Inst(inst) = step else {
            if block.is_some() {
                return fault("an IT block goes over what is no instruction");
            }
            m.r[15] = next;
            return Linear::special(m, step);
        };
        // Before IT instructions are made, each has its condition by itself.
        let predicated = inst.op != Op::It && inst.cond != Cond::Al;
        if block.is_some_and(|c| c != inst.cond || inst.op == Op::It) {
            return fault("an instruction has another condition than its IT block");
        }
        if predicated && block.is_none() && function.has_it {
            return fault("a predicated instruction stands outside of IT blocks");
        }
        Ok(m.perform(inst, SLOT, bus)?)
    }

    /// What becomes instructions only at layout. PC is past it already.
    fn special(m: &mut Machine, step: &Step) -> Result<(), Halt> {
        match step {
            Step::Label | Step::Inst(_) => {}
            Step::Branch(cond, to) => {
                if m.flags.holds(*cond) {
                    m.r[15] = *to;
                }
            }
            Step::BranchZero(r, zero, to) => {
                if (m.r[r.0 as usize] == 0) == *zero {
                    m.r[15] = *to;
                }
                scramble(&mut m.flags);
            }
            Step::Call(to) => {
                m.r[14] = m.r[15] | 1;
                m.r[15] = to & !1;
            }
            Step::TailCall(to) => m.r[15] = to & !1,
            Step::Load(r, word) => match r.number(Class::Single) {
                Some(n) => m.s[n as usize] = *word,
                None => m.r[r.0 as usize] = *word,
            },
            Step::Table(r, targets) => {
                let index = m.r[r.0 as usize];
                match targets.get(index as usize) {
                    Some(to) => m.r[15] = *to,
                    None => return fault(&format!("entry {index} of {}", targets.len())),
                }
            }
            Step::Trap(kind) => {
                m.r[15] -= SLOT;
                return Err(Halt::Trap(*kind));
            }
        }
        Ok(())
    }
}

fn fault<T>(what: &str) -> Result<T, Halt> {
    Err(Halt::Fault(what.to_owned()))
}

impl Function {
    fn new(
        entry: u32,
        items: &[Item],
        address: &dyn Fn(Symbol) -> Option<u32>,
    ) -> Result<Function, String> {
        let mut labels: FxHashMap<Label, u32> = FxHashMap::default();
        for (i, item) in items.iter().enumerate() {
            if let Kind::Label(l) = item.kind {
                labels.insert(l, entry + SLOT * i as u32);
            }
        }
        let label = |l: &Label| {
            let at = labels.get(l).copied();
            at.ok_or_else(|| format!("label {} stands nowhere", l.0))
        };
        let symbol = |s: Symbol| address(s).ok_or_else(|| format!("symbol {} is nowhere", s.0));
        let step = |item: &Item| {
            Ok(match &item.kind {
                Kind::Inst(i) => Step::Inst(*i),
                Kind::HalfAddress(i, s) => {
                    let whole = symbol(*s)?.wrapping_add(i.imm as u32);
                    let half = if i.op == Op::Movt {
                        whole >> 16
                    } else {
                        whole & 0xffff
                    };
                    Step::Inst(Inst {
                        imm: half as i32,
                        ..*i
                    })
                }
                Kind::Label(_) => Step::Label,
                Kind::Branch(c, l) => Step::Branch(*c, label(l)?),
                Kind::BranchZero(r, zero, l) => Step::BranchZero(*r, *zero, label(l)?),
                Kind::Call(s) => Step::Call(symbol(*s)?),
                Kind::TailCall(s) => Step::TailCall(symbol(*s)?),
                Kind::Load(r, Literal::Const(c)) => Step::Load(*r, *c),
                Kind::Load(r, Literal::Addr(s, offset)) => {
                    Step::Load(*r, symbol(*s)?.wrapping_add(*offset as u32))
                }
                Kind::Table(r, ls) => {
                    Step::Table(*r, ls.iter().map(label).collect::<Result<_, String>>()?)
                }
                Kind::Trap(kind) => Step::Trap(*kind),
            })
        };
        let steps = items.iter().map(step).collect::<Result<_, String>>()?;
        Ok(Function {
            entry,
            steps,
            has_it: items.iter().any(Item::is_it),
        })
    }
}
