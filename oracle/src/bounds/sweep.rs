//! A function that accesses one address after the other, as a description.
//!
//! In: an operator, a form, random bits. Out: [`Sweep`], from which `module` makes the function and `model` what it must do.
//! Constants lie around the last address in bounds, so that an analysis of ranges has something to prove there, and something
//! that it must not prove.

use super::module::Sizes;
use super::operator::{BYTE, OPERATORS, Operator};
use crate::random::Random;

/// How the index of an access comes about. `at` is a parameter that goes up by one each time.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// `at`
    Counter,
    /// `at + c`
    Sum(u32),
    /// `at << c`
    Shifted(u32),
    /// `(at & 15) + c`
    Masked(u32),
    /// `at`, where it is less than `c`; else nothing is accessed.
    Below(u32),
    /// A constant.
    Constant(u32),
    /// `at`, which goes from a constant to another; whether the loop ends where they are equal.
    Counted(u32, u32, bool),
    /// `at`, twice: a load of one byte goes before.
    Twice,
    /// `at`; before the access where as many are left as the third parameter says, the memory grows by a page.
    Growing,
}

/// Number of forms.
pub const FORMS: usize = 9;

/// Static offsets: those of each length of an instruction's immediate and one more, and the ends of a word.
const OFFSETS: [u32; 12] = [
    0,
    1,
    4,
    7,
    255,
    256,
    4095,
    4096,
    0xffff,
    0x7fff_ffff,
    0xffff_fff8,
    0xffff_ffff,
];

/// A function of the module.
#[derive(Clone, Copy)]
pub struct Sweep {
    /// What it does at each address.
    pub operator: Operator,
    /// Where the addresses come from.
    pub form: Form,
    /// The static offset of its accesses.
    pub offset: u32,
    /// Whether the length of a range is a constant; else it is the third parameter.
    pub known: bool,
    /// The alignment that the access claims, as a power of two.
    pub align: u32,
}

/// A number near the last address in bounds: of the last access that is, of the first that is not, or some before.
fn beside(random: &mut Random, last: i64, width: u32) -> i64 {
    let choices = [0, 0, 1, 1, 2, -1, i64::from(width) - 1, i64::from(width)];
    match random.word() % 10 {
        pick @ 0..8 => last + choices[pick as usize],
        _ => last - (random.word() % 9) as i64,
    }
}

impl Sweep {
    /// The function of an operator and a form, with constants around one of the bounds.
    pub fn draw(operator: usize, form: usize, sizes: Sizes, random: &mut Random) -> Sweep {
        let operator = OPERATORS[operator];
        let width = operator.width();
        let offset = match operator.bulk() {
            true => 0,
            // Many without, for which every size has room.
            false if random.word().is_multiple_of(3) => 0,
            false => OFFSETS[random.word() as usize % OFFSETS.len()],
        };
        let size = match random.word() & 1 {
            0 => sizes.least,
            _ => sizes.most,
        };
        let last = size as i64 - i64::from(offset) - i64::from(width);
        let near = beside(random, last, width);
        let pick = random.word();
        let form = match form {
            0 => Form::Counter,
            1 => Form::Sum([1, 4, 0x1000, 0xffff_fffc, near as u32][pick as usize % 5]),
            2 => Form::Shifted(pick as u32 % 3 + 1),
            3 => Form::Masked((near - 15) as u32),
            4 => Form::Below((near + 1) as u32),
            5 => Form::Constant(near as u32),
            6 => {
                let count = pick % 32 + 1;
                let end = (near + 1) as u32;
                Form::Counted(end.wrapping_sub(count as u32), end, pick >> 32 & 1 == 0)
            }
            7 => Form::Twice,
            _ => Form::Growing,
        };
        Sweep {
            operator,
            form,
            offset,
            // Where the third parameter says when to grow it can say nothing else.
            known: random.word() & 1 == 0 || matches!(form, Form::Growing),
            align: random.word() as u32 % (width.trailing_zeros() + 1),
        }
    }

    /// Its accesses, in order.
    pub fn accesses(&self) -> impl Iterator<Item = Operator> {
        let before = matches!(self.form, Form::Twice).then_some(BYTE);
        before.into_iter().chain([self.operator])
    }

    /// The value of `at` from which on an index is accessed.
    fn start(&self, index: u32) -> u32 {
        match self.form {
            Form::Sum(c) => index.wrapping_sub(c),
            Form::Shifted(c) => index >> c,
            _ => index,
        }
    }

    /// What it is called with in a memory of this size: around the bound, up to it, from it on, around every place where an address
    /// wraps or changes its sign.
    pub fn calls(&self, size: u64, random: &mut Random) -> Vec<[u32; 3]> {
        let (width, offset) = (self.operator.width(), self.offset);
        let last = size as i64 - i64::from(offset) - i64::from(width);
        let mut below = |n: u64| (random.word() % n) as i64;
        let (run, short) = (below(256), below(8) + 1);
        let beyond = below(i64::from(width).unsigned_abs() + 1);
        let wraps = (1i64 << 32) - i64::from(offset);
        let longer = below(2);
        let ranges = [
            // The last access ends with the memory, some bytes before, and would end behind it.
            (last - run, run + 1),
            (last - run - short, run + 1),
            (last - run, run + 2 + longer),
            (last + 1 + beyond, 2),
            (size as i64 - below(16), 16),
            (0, 8),
            (wraps - below(12), 16),
            (wraps - i64::from(width) - below(3), 4),
            ((1 << 31) - below(8), 9),
            ((1 << 31) - i64::from(offset) - below(8), 9),
            (-i64::from(width) - below(3), 24),
        ];
        let ranges = match self.form {
            Form::Constant(_) | Form::Counted(..) => &ranges[..1],
            _ => &ranges[..],
        };
        let call = |&(from, n): &(i64, i64)| {
            let third = match (self.form, self.operator.bulk()) {
                (Form::Growing, _) => (n as u64 / 2 + 1) as u32,
                _ => width,
            };
            [self.start(from as u32), n as u32, third]
        };
        ranges.iter().map(call).collect()
    }
}
