//! One instruction in its surroundings: its code, and states in which it mostly does something.
//!
//! In: a form, an instruction of it, a core. Out: bytes in memory and random states. Invariant: what was encoded reads back
//! as the same instruction, or the case is a failure before anything runs.

use super::Random;
use super::engine::{CODE, DATA, Fpu, Memory, PLACE, SIZE, State};
use thumbsmith::Cpu;
use thumbsmith::isa::form::Form;
use thumbsmith::isa::table::FORMS;
use thumbsmith::isa::{
    Addr, Class, Cond, Inst, Op, Place, Reg, Sem, Vfp, encode, encode_sized, writes,
};

/// What the text of an instruction that is not read back as it was encoded begins with; what is wrong follows.
pub const MISREAD: &str = "encoded with";

/// What is wrong with an instruction's halfwords, if they are not read back as it, and what they are read back as: another
/// register, another immediate (by what it is the immediate of), or none of its operation at all.
pub fn misread(inst: &Inst, halfwords: &[u16], in_it: Option<Cond>) -> Option<(String, Vec<Inst>)> {
    // Another operation may share the bits (PUSH of one register is a store with writeback).
    let word = halfwords.iter().fold(0, |w, hw| w << 16 | u32::from(*hw));
    let same_op = FORMS
        .iter()
        .filter(|f| f.op == inst.op && f.size() == 2 * halfwords.len() as u32);
    let read: Vec<Inst> = same_op.filter_map(|f| f.decode(word, in_it)).collect();
    if read.contains(inst) {
        return None;
    }
    let what = match read.first() {
        None => format!("nothing of {}", family(inst.op)),
        Some(other) if other.regs != inst.regs || other.list != inst.list => {
            "another register".into()
        }
        Some(other) if other.s != inst.s => "other flags".into(),
        Some(_) => format!("another immediate of {}", family(inst.op)),
    };
    Some((what, read))
}

/// Operations whose immediates are encoded alike, in a word.
fn family(op: Op) -> &'static str {
    match op.sem() {
        Sem::AluI(_) | Sem::TestI(_) => "an operation",
        Sem::ShiftI(_) => "a shift",
        Sem::AluR(_) | Sem::TestR(_) => "a shifted operand",
        _ if matches!(op, Op::B | Op::Bl) => "a branch",
        _ if op.name().starts_with("Ldrd") || op.name().starts_with("Strd") => "a pair",
        _ if op.name().contains("rh") || op.name().contains("rsh") => "a halfword",
        _ if op.name().starts_with("Ld") || op.name().starts_with("St") => "an access",
        _ if op.name().starts_with("Bf") || op.name().contains("bfx") => "a field",
        _ => op.name(),
    }
}

/// An instruction in its surroundings.
pub(super) struct Case {
    pub(super) inst: Inst,
    /// Where the code starts and ends.
    pub(super) start: u32,
    pub(super) end: u32,
    /// How many instructions there are.
    pub(super) count: usize,
    /// Whether it may not come to the end, so that instructions are counted.
    pub(super) jumps: bool,
}

impl Case {
    /// Writes the code of the instruction in this form somewhere into `memory`: after an IT instruction if it
    /// has a condition that is not its own, before the block if it is IT.
    pub(super) fn write(
        form: &Form,
        inst: Inst,
        in_it: bool,
        cpu: Cpu,
        memory: &mut Memory,
        random: &mut Random,
    ) -> Result<Case, String> {
        let mut code = Vec::new();
        let place = if in_it { Place::Last } else { Place::Outside };
        let mut count = 1;
        if in_it {
            let it = Inst {
                cond: inst.cond,
                ..Inst::new(Op::It, &[], 8)
            };
            code.extend_from_slice(
                encode(&it, cpu, Place::Outside)
                    .map_err(|e| format!("{it}: {e:?}"))?
                    .halfwords(),
            );
            count += 1;
        }
        let own = code.len();
        code.extend_from_slice(
            encode_sized(&inst, cpu, place, form.size())
                .map_err(|e| format!("`{inst}` is not encoded: {e:?}"))?
                .halfwords(),
        );
        let in_it = in_it.then_some(inst.cond);
        if let Some((what, read)) = misread(&inst, &code[own..], in_it) {
            return Err(format!(
                "{MISREAD} {what}: `{inst}` is read back as {read:?}"
            ));
        }
        if inst.op == Op::It {
            // The block moves r8.. to r0.., so that the registers show what was executed.
            let others = 4 - inst.imm.trailing_zeros();
            for n in 0..others {
                let same = n == 0 || (inst.imm >> (4 - n) ^ inst.cond as i32) & 1 == 0;
                let cond = if same { inst.cond } else { inst.cond.invert() };
                let regs = [Reg(n as u8), Reg(n as u8 + 8)];
                let mov = Inst {
                    cond,
                    ..Inst::new(Op::MovR, &regs, 0)
                };
                let place = if n + 1 == others {
                    Place::Last
                } else {
                    Place::Inside
                };
                code.extend_from_slice(
                    encode(&mov, cpu, place)
                        .map_err(|e| format!("{mov}: {e:?}"))?
                        .halfwords(),
                );
                count += 1;
            }
        }
        let start = PLACE + random.below(64) * 2;
        let offset = (start - CODE) as usize;
        for (slot, hw) in memory.code[offset..].chunks_exact_mut(2).zip(&code) {
            slot.copy_from_slice(&hw.to_le_bytes());
        }
        let jumps = inst.op.sem().is_branch() || writes(&inst).contains(Reg::PC);
        Ok(Case {
            inst,
            start,
            end: start + 2 * code.len() as u32,
            count,
            jumps,
        })
    }

    /// A state in which the instruction mostly does something: bases point into data, indexes are small.
    pub(super) fn state(&self, random: &mut Random) -> State {
        let mut r = [0; 16];
        r.fill_with(|| random.word());
        let mut base = |reg: Reg, random: &mut Random| {
            let alignment = if random.below(8) == 0 { 0 } else { 3 };
            let anywhere = DATA + SIZE / 4 + random.below(SIZE / 2);
            r[reg.0 as usize] = anywhere & !alignment;
        };
        let regs = self.inst.regs;
        match self.inst.op.sem() {
            Sem::Load(_, Addr::Literal) => {}
            Sem::Load(_, addr) | Sem::Store(_, addr) => {
                base(regs[1], random);
                if addr == Addr::Index && random.below(16) != 0 {
                    r[regs[2].0 as usize] = random.below(1024);
                }
            }
            Sem::LoadDual | Sem::StoreDual => base(regs[2], random),
            Sem::LoadMany { .. } | Sem::StoreMany { .. } => base(regs[0], random),
            Sem::Push | Sem::Pop | Sem::Vfp(Vfp::Push | Vfp::Pop) => base(Reg::SP, random),
            Sem::Vfp(Vfp::Load(_, Addr::Literal)) => {}
            Sem::Vfp(Vfp::Load(..) | Vfp::Store(_)) => base(regs[1], random),
            Sem::TableBranch { .. } => {
                base(regs[0], random);
                r[regs[1].0 as usize] = random.below(256);
            }
            Sem::CallReg | Sem::BranchReg => {
                r[regs[0].0 as usize] = (CODE + random.below(SIZE)) | 1
            }
            Sem::CompareBranch { .. } => {
                r[regs[0].0 as usize] &= random.next() >> (random.below(2) * 31)
            }
            _ => {}
        }
        // The low two bits of SP are always zero.
        r[13] &= !3;
        r[15] = self.start;
        let flags = random.flags();
        let fpu = matches!(self.inst.op.sem(), Sem::Vfp(_)).then(|| self.fpu(random));
        State { r, flags, fpu }
    }

    /// Registers of the FPU: operands are floats or integers as the instruction wants them, sometimes of one magnitude.
    fn fpu(&self, random: &mut Random) -> Fpu {
        let mut fpu = Fpu {
            s: [0; 32],
            flags: random.flags(),
            default_nan: random.below(2) == 0,
        };
        let integers = matches!(self.inst.op.sem(), Sem::Vfp(Vfp::FromInt { .. }));
        fpu.s.fill_with(|| match integers {
            true => random.word(),
            false => random.float(),
        });
        let operands = &self.inst.regs[..self.inst.op.roles().len()];
        let doubles = operands.iter().filter_map(|r| r.number(Class::Double));
        for low in doubles.map(|n| 2 * n as usize) {
            let bits = random.double();
            (fpu.s[low], fpu.s[low + 1]) = (bits as u32, (bits >> 32) as u32);
        }
        if let ([.., a, b], 0) = (operands, random.below(4)) {
            // The second is the first with any sign, and sometimes both are zeros.
            let (sign, keep) = (random.next() & 1 << 31, random.below(4) != 0);
            let same = |a: u32| if keep { a } else { a & 1 << 31 };
            if let (Some(a), Some(b)) = (a.number(Class::Single), b.number(Class::Single)) {
                let bits = same(fpu.s[a as usize]);
                (fpu.s[a as usize], fpu.s[b as usize]) = (bits, bits ^ sign);
            }
            if let (Some(a), Some(b)) = (a.number(Class::Double), b.number(Class::Double)) {
                let (a, b) = (2 * a as usize, 2 * b as usize);
                let (low, high) = (if keep { fpu.s[a] } else { 0 }, same(fpu.s[a + 1]));
                (fpu.s[a], fpu.s[a + 1]) = (low, high);
                (fpu.s[b], fpu.s[b + 1]) = (low, high ^ sign);
            }
        }
        fpu
    }
}
