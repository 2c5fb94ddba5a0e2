//! How long an instruction takes: the pipeline model of Cortex-M3, with zero wait states.
//!
//! In: the instruction, what came before it, and what happened when it ran. Out: cycles. Invariant: the same
//! function serves the executor, which knows what happened, and estimates before running. It follows the table of
//! instruction timings in the Cortex-M3 technical reference manual, section 3.3. M4, M7 and M33 differ in
//! multiplications only: what they do in parallel is not modelled. Operations of the FPU follow the table of the Cortex-M4
//! manual, chapter 7; Arm publishes none for M7 and M33, for which the same is assumed, and twice as long
//! for arithmetic of 64 bits.

use super::effects::reads;
use super::{Addr, Arith, Inst, Precision, Reg, Sem, Vfp};
use crate::options::Cpu;

/// What the time of an instruction depends on beside the instruction.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The core.
    pub cpu: Cpu,
    /// The instruction executed just before, with its size in bytes.
    pub previous: Option<(&'a Inst, u32)>,
    /// Whether the condition held; if not, the instruction takes one cycle.
    pub executed: bool,
    /// Whether a branch was taken. Unconditional branches are.
    pub taken: bool,
    /// How many bits the quotient of a division has (0 to 32); it decides between 2 and 12 cycles.
    pub quotient_bits: u32,
}

impl Context<'_> {
    /// An estimate for code not run: executed, branches taken, a quotient of 16 bits.
    pub fn estimate(cpu: Cpu) -> Context<'static> {
        Context {
            cpu,
            previous: None,
            executed: true,
            taken: true,
            quotient_bits: 16,
        }
    }
}

/// What refilling the pipeline adds after a jump.
const REFILL: u32 = 2;

/// Cycles of an instruction.
pub fn cycles(inst: &Inst, context: &Context) -> u32 {
    if !context.executed {
        return 1;
    }
    let refill = if loads_pc(inst) { REFILL } else { 0 };
    let multiply = |slow: u32| {
        if context.cpu == Cpu::CortexM3 {
            slow
        } else {
            1
        }
    };
    refill
        + match inst.op.sem() {
            Sem::AluI(_) | Sem::AluR(_) | Sem::TestI(_) | Sem::TestR(_) | Sem::Movt => 1,
            Sem::ShiftI(_) | Sem::ShiftR(_) | Sem::Rrx => 1,
            Sem::Clz | Sem::Rbit | Sem::Rev | Sem::Rev16 | Sem::Revsh => 1,
            Sem::Extend(_) | Sem::ExtendAdd(_) | Sem::Saturate { .. } => 1,
            Sem::FieldGet { .. } | Sem::FieldPut | Sem::FieldClear => 1,
            Sem::Adr | Sem::Nop | Sem::Udf | Sem::Bkpt => 1,
            Sem::Mul | Sem::Smmul | Sem::MulHalf { .. } => 1,
            Sem::Mla | Sem::Mls => multiply(2),
            Sem::MulLong {
                accumulate: false, ..
            } => multiply(4),
            Sem::MulLong {
                accumulate: true, ..
            }
            | Sem::Umaal => multiply(5),
            Sem::Div { .. } => 2 + (context.quotient_bits * 10).div_ceil(32),
            Sem::Load(..) => 2 - u32::from(follows_load(inst, context)),
            Sem::Store(_, Addr::Index) => 2,
            Sem::Store(..) => 1,
            Sem::LoadDual | Sem::StoreDual => 3,
            Sem::LoadMany { .. } | Sem::StoreMany { .. } | Sem::Push | Sem::Pop => {
                1 + inst.list.len() as u32
            }
            Sem::Branch | Sem::Call | Sem::CallReg | Sem::BranchReg => 1 + REFILL,
            Sem::CompareBranch { .. } => 1 + if context.taken { REFILL } else { 0 },
            Sem::TableBranch { .. } => 2 + REFILL,
            // Folded into a 16-bit instruction before it.
            Sem::It => u32::from(context.previous.is_none_or(|(_, size)| size != 2)),
            Sem::Vfp(vfp) => float(vfp, inst),
        }
}

/// Cycles of an operation of the FPU.
fn float(vfp: Vfp, inst: &Inst) -> u32 {
    let arithmetic = |p: Precision, single: u32| match p {
        Precision::F32 => single,
        Precision::F64 => 2 * single,
    };
    match vfp {
        Vfp::Arith(Arith::Div, p) | Vfp::Sqrt(p) => arithmetic(p, 14),
        Vfp::Arith(_, p) | Vfp::Round(_, p) | Vfp::Compare(p) | Vfp::CompareZero(p) => {
            arithmetic(p, 1)
        }
        Vfp::ToInt { from: p, .. } | Vfp::FromInt { to: p, .. } => arithmetic(p, 1),
        Vfp::Widen | Vfp::Narrow => arithmetic(Precision::F64, 1),
        Vfp::Neg(_) | Vfp::Abs(_) | Vfp::Move(_) | Vfp::Const(_) | Vfp::Select(..) => 1,
        Vfp::Flags | Vfp::FromCore | Vfp::ToCore => 1,
        Vfp::FromPair | Vfp::ToPair => 2,
        Vfp::Load(Precision::F32, _) | Vfp::Store(Precision::F32) => 2,
        Vfp::Load(Precision::F64, _) | Vfp::Store(Precision::F64) => 3,
        Vfp::Push | Vfp::Pop => 1 + inst.list.len() as u32,
    }
}

/// Whether PC is what an operand or the list says is loaded.
fn loads_pc(inst: &Inst) -> bool {
    let loaded = matches!(inst.op.sem(), Sem::Load(..)) && inst.regs[0] == Reg::PC;
    loaded || inst.list.contains(Reg::PC)
}

/// Whether the load overlaps with a single load before it, whose result must not be part of its address.
fn follows_load(inst: &Inst, context: &Context) -> bool {
    context.previous.is_some_and(|(before, _)| {
        // A base that is written back is ready early; only the loaded register is late.
        let single = matches!(before.op.sem(), Sem::Load(..));
        single && !reads(inst).contains(before.regs[0])
    })
}

/// The quotient's width for [`Context::quotient_bits`], from the magnitudes of the operands.
pub fn quotient_bits(dividend: u32, divisor: u32) -> u32 {
    dividend
        .checked_div(divisor)
        .map_or(0, |q| 32 - q.leading_zeros())
}
