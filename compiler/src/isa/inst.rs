//! Machine instructions as uniform records: what every room of the backend exchanges.
//!
//! In: nothing. Out: [`Inst`], [`Reg`], [`RegSet`], [`Cond`], [`Shift`].
//! Invariant: an `Inst` says nothing about its encoding; the rows of [`super::table`] do
//! (which registers it reads and writes, which immediates fit, how wide it is).

use super::Op;
use std::fmt;

/// A register: a core register `r0`-`r15` (Arm v7-M manual, B1.4.1) has its number, a register of the FPU a
/// number behind these: `s0`-`s31` from 16, `d0`-`d15`, each two of those, from 64 (A2.5). 48 stands for the flags of
/// FPSCR, which no operand names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(pub u8);

/// The kinds of register that an operand can be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Class {
    /// `r0`-`r15`.
    #[default]
    Core,
    /// `s0`-`s31`.
    Single,
    /// `d0`-`d15`; `dN` is `s2N` and `s2N+1`, the lower word in the first.
    Double,
}

impl Class {
    /// How many registers there are.
    pub const fn count(self) -> u8 {
        match self {
            Class::Core | Class::Double => 16,
            Class::Single => 32,
        }
    }

    /// The number of its first register.
    const fn first(self) -> u8 {
        match self {
            Class::Core => 0,
            Class::Single => 16,
            Class::Double => 64,
        }
    }

    /// Its register with this number; none if there is no such register.
    pub fn reg(self, number: u8) -> Option<Reg> {
        (number < self.count()).then(|| Reg(self.first() + number))
    }
}

#[allow(missing_docs)]
impl Reg {
    pub const R0: Reg = Reg(0);
    pub const R1: Reg = Reg(1);
    pub const R2: Reg = Reg(2);
    pub const R3: Reg = Reg(3);
    pub const R4: Reg = Reg(4);
    pub const R7: Reg = Reg(7);
    pub const R8: Reg = Reg(8);
    pub const R11: Reg = Reg(11);
    pub const R12: Reg = Reg(12);
    pub const SP: Reg = Reg(13);
    pub const LR: Reg = Reg(14);
    pub const PC: Reg = Reg(15);
    pub const FPSCR: Reg = Reg(48);

    /// `s0`-`s31`.
    pub const fn s(number: u8) -> Reg {
        Reg(Class::Single.first() + number)
    }

    /// `d0`-`d15`.
    pub const fn d(number: u8) -> Reg {
        Reg(Class::Double.first() + number)
    }

    /// The class that it is of. (The flags of FPSCR are no operand and of none; they go with the core's.)
    pub fn class(self) -> Class {
        let all = [Class::Core, Class::Single, Class::Double];
        let own = all.into_iter().find(|c| self.number(*c).is_some());
        own.unwrap_or_default()
    }

    /// Whether it is a register of the FPU.
    pub fn is_float(self) -> bool {
        self.class() != Class::Core
    }

    /// Its number among those of this class; none if it is of another.
    pub fn number(self, class: Class) -> Option<u8> {
        let number = self.0.wrapping_sub(class.first());
        (number < class.count()).then_some(number)
    }

    /// Whether 16-bit encodings with three-bit register fields can name it (`r0`-`r7`).
    pub const fn is_low(self) -> bool {
        self.0 < 8
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (
            *self,
            self.number(Class::Single),
            self.number(Class::Double),
        ) {
            (Reg::SP, ..) => f.write_str("sp"),
            (Reg::LR, ..) => f.write_str("lr"),
            (Reg::PC, ..) => f.write_str("pc"),
            (Reg::FPSCR, ..) => f.write_str("fpscr"),
            (_, Some(n), _) => write!(f, "s{n}"),
            (_, _, Some(n)) => write!(f, "d{n}"),
            (Reg(n), ..) => write!(f, "r{n}"),
        }
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of registers: bit `n` for [`Reg`] `n`, but a `d` register is the bits of its two `s` registers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RegSet(pub u64);

/// The bits of a register in a set.
const fn bits(r: Reg) -> u64 {
    match r.0.checked_sub(Class::Double.first()) {
        None => 1 << r.0,
        Some(n) => 0b11 << (Class::Single.first() + 2 * n),
    }
}

impl RegSet {
    /// The empty set.
    pub const EMPTY: RegSet = RegSet(0);
    /// Registers that a call may change under AAPCS: r0-r3, r12, lr.
    pub const CALLER_SAVED: RegSet = RegSet(0x500f);
    /// Registers that a function must preserve under AAPCS: r4-r11.
    pub const CALLEE_SAVED: RegSet = RegSet(0x0ff0);
    /// Registers of the FPU that a call may change under AAPCS: s0-s15.
    pub const FLOAT_CALLER_SAVED: RegSet = RegSet(0xffff_0000);
    /// Registers of the FPU that a function must preserve under AAPCS: s16-s31.
    pub const FLOAT_CALLEE_SAVED: RegSet = RegSet(0xffff_0000_0000);
    /// All registers of the core that the allocator may use: r0-r12 and lr.
    pub const ALLOCATABLE: RegSet = RegSet(0x5fff);

    /// The set with one register.
    pub const fn of(r: Reg) -> RegSet {
        RegSet(bits(r))
    }
    /// Whether all of `r` is in the set.
    pub const fn contains(self, r: Reg) -> bool {
        self.0 & bits(r) == bits(r)
    }
    /// Adds `r`.
    pub fn insert(&mut self, r: Reg) {
        self.0 |= bits(r);
    }
    /// Removes `r`.
    pub fn remove(&mut self, r: Reg) {
        self.0 &= !bits(r);
    }
    /// Members of both.
    pub const fn and(self, o: RegSet) -> RegSet {
        RegSet(self.0 & o.0)
    }
    /// Members of either.
    pub const fn or(self, o: RegSet) -> RegSet {
        RegSet(self.0 | o.0)
    }
    /// Members of this set that are not in `o`.
    pub const fn minus(self, o: RegSet) -> RegSet {
        RegSet(self.0 & !o.0)
    }
    /// How many registers: two for a `d` register.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }
    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The members, lowest first; a `d` register as its two `s` registers.
    pub fn iter(self) -> impl Iterator<Item = Reg> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = rest.trailing_zeros() as u8;
            rest &= rest.wrapping_sub(1);
            (lowest < 64).then_some(Reg(lowest))
        })
    }
}

impl fmt::Debug for RegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A condition, in encoding order (Arm v7-M manual, A7.3).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Cond {
    Eq,
    Ne,
    Hs,
    Lo,
    Mi,
    Pl,
    Vs,
    Vc,
    Hi,
    Ls,
    Ge,
    Lt,
    Gt,
    Le,
    Al,
}

impl Cond {
    /// All conditions, in encoding order.
    pub const ALL: [Cond; 15] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Hs,
        Cond::Lo,
        Cond::Mi,
        Cond::Pl,
        Cond::Vs,
        Cond::Vc,
        Cond::Hi,
        Cond::Ls,
        Cond::Ge,
        Cond::Lt,
        Cond::Gt,
        Cond::Le,
        Cond::Al,
    ];
    /// The condition that holds exactly when this one does not; `Al` has none and stays itself.
    pub fn invert(self) -> Cond {
        if self == Cond::Al {
            Cond::Al
        } else {
            Self::ALL[self as usize ^ 1]
        }
    }
    /// The condition on `cmp b, a` that equals this one on `cmp a, b`.
    pub fn swap(self) -> Cond {
        match self {
            Cond::Hs => Cond::Ls,
            Cond::Lo => Cond::Hi,
            Cond::Hi => Cond::Lo,
            Cond::Ls => Cond::Hs,
            Cond::Ge => Cond::Le,
            Cond::Lt => Cond::Gt,
            Cond::Gt => Cond::Lt,
            Cond::Le => Cond::Ge,
            c @ (Cond::Eq | Cond::Ne | Cond::Mi | Cond::Pl | Cond::Vs | Cond::Vc | Cond::Al) => c,
        }
    }
}

/// The shift kinds of a shifted register operand (Arm v7-M manual, A7.4.2).
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ShiftKind {
    #[default]
    Lsl,
    Lsr,
    Asr,
    Ror,
}

/// A constant shift of the last register operand. `LSL #0` is no shift; LSR and ASR go from 1 to 32,
/// LSL and ROR from 1 to 31. For UXTB and its kind the amount is the rotation (0, 8, 16, 24).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Shift {
    /// Which shift.
    pub kind: ShiftKind,
    /// By how many bits.
    pub amount: u8,
}

impl Shift {
    /// No shift.
    pub const NONE: Shift = Shift {
        kind: ShiftKind::Lsl,
        amount: 0,
    };
}

/// One machine instruction with physical registers.
///
/// `regs` holds the registers in the order of the op's roles (see [`Op::roles`]); unused places hold `r0`.
/// `imm` is the immediate, the offset of an address, or the displacement of a branch or literal in bytes
/// from the instruction's PC (its address + 4, aligned down to 4 for literals). `imm2` is the width of a bit
/// field. `list` is the register list of PUSH, POP, LDM, STM, VPUSH and VPOP. The immediate of VMOV is the bits of the
/// value as a float of 32 bits, whatever the register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inst {
    /// The operation: mnemonic and operand shape.
    pub op: Op,
    /// The condition of a branch, or of an instruction inside an IT block; `Al` otherwise.
    pub cond: Cond,
    /// Whether the instruction sets the flags (the `S` suffix). Comparisons set them without it.
    pub s: bool,
    /// Register operands in the order of the roles.
    pub regs: [Reg; 4],
    /// Immediate, address offset or displacement.
    pub imm: i32,
    /// Width of a bit field (BFI, BFC, UBFX, SBFX), in bits.
    pub imm2: u8,
    /// Shift of the last register operand.
    pub shift: Shift,
    /// Register list.
    pub list: RegSet,
}

impl Inst {
    /// An instruction with these registers and immediate, no shift, `Al`, flags kept.
    pub fn new(op: Op, regs: &[Reg], imm: i32) -> Inst {
        let mut r = [Reg::R0; 4];
        r[..regs.len()].copy_from_slice(regs);
        Inst {
            op,
            cond: Cond::Al,
            s: false,
            regs: r,
            imm,
            imm2: 0,
            shift: Shift::NONE,
            list: RegSet::EMPTY,
        }
    }
}
