//! The helpers of soft float against the host's arithmetic, in the executor over the instruction table.
//!
//! Every pair of a list of corners, and random pairs: uniform bits, close exponents, few significand bits, nearly cancelling. The
//! result's bits must be the host's (NaN canonical), r4-r11 and SP must be preserved, and nothing outside of the frame touched.

use thumbsmith::Cpu;
use thumbsmith::isa::exec::{Bus, BusFault, Machine};
use thumbsmith::softfloat::{HELPERS, Helper, Kind, helpers};

const CODE: u32 = 0x1000;
const STACK: u32 = 0x2000_0000;
const FRAME: u32 = 64;
const RETURN: u32 = 0x8000;

/// Code that can be read, and a frame that can be written.
struct Memory {
    code: Vec<u8>,
    stack: [u8; FRAME as usize],
}

impl Memory {
    fn at(&mut self, address: u32, size: u32) -> Result<&mut [u8], BusFault> {
        let (bytes, base) = match address >= STACK {
            true => (&mut self.stack[..], STACK),
            false => (&mut self.code[..], CODE),
        };
        let at = address.wrapping_sub(base) as usize;
        bytes
            .get_mut(at..at + size as usize)
            .ok_or(BusFault { address })
    }
}

impl Bus for Memory {
    fn load(&mut self, address: u32, size: u32) -> Result<u32, BusFault> {
        let bytes = self.at(address, size)?;
        Ok(bytes.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)))
    }
    fn store(&mut self, address: u32, size: u32, value: u32) -> Result<(), BusFault> {
        if address < STACK {
            return Err(BusFault { address });
        }
        let bytes = self.at(address, size)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..size as usize]);
        Ok(())
    }
}

/// A helper in its machine.
struct Bench {
    helper: &'static Helper,
    machine: Machine,
    memory: Memory,
    entry: u32,
}

impl Bench {
    fn new(helper: &'static Helper) -> Bench {
        let made = helpers(&[helper], Cpu::CortexM3).unwrap_or_else(|e| panic!("{e:?}"));
        Bench {
            helper,
            machine: Machine::new(Cpu::CortexM3),
            memory: Memory {
                code: made.code.bytes,
                stack: [0; FRAME as usize],
            },
            entry: CODE + made.entries[0],
        }
    }

    fn wide(&self) -> bool {
        self.helper.result == Kind::F64
    }

    fn call(&mut self, a: u64, b: u64) -> u64 {
        let m = &mut self.machine;
        let words = match self.helper.result == Kind::F64 {
            true => [a as u32, (a >> 32) as u32, b as u32, (b >> 32) as u32],
            false => [a as u32, b as u32, 0x5555_5555, 0xaaaa_aaaa],
        };
        m.r[..4].copy_from_slice(&words);
        for (i, r) in m.r[4..13].iter_mut().enumerate() {
            *r = 0xdead_0000 + i as u32;
        }
        (m.r[13], m.r[14], m.r[15]) = (STACK + FRAME, RETURN | 1, self.entry);
        let name = self.helper.name;
        if let Err(stop) = m.run(&mut self.memory, RETURN, 1000) {
            panic!("{name} {a:#x} {b:#x}: {stop} at {:#x}", m.r[15]);
        }
        let kept = (4..12).all(|i| m.r[i] == 0xdead_0000 + i as u32 - 4);
        assert!(kept && m.r[13] == STACK + FRAME, "{name} {a:#x} {b:#x}");
        match self.helper.result == Kind::F64 {
            true => u64::from(m.r[1]) << 32 | u64::from(m.r[0]),
            false => u64::from(m.r[0]),
        }
    }

    fn check(&mut self, a: u64, b: u64) {
        let wanted = expected(self.helper.name, a, b);
        let got = self.call(a, b);
        let name = self.helper.name;
        assert_eq!(
            got, wanted,
            "{name} {a:#x} {b:#x}: {got:#x}, not {wanted:#x}"
        );
    }
}

fn expected(name: &str, a: u64, b: u64) -> u64 {
    let single = |f: fn(f32, f32) -> f32| {
        let value = f(f32::from_bits(a as u32), f32::from_bits(b as u32));
        u64::from(if value.is_nan() {
            0x7fc0_0000
        } else {
            value.to_bits()
        })
    };
    let double = |f: fn(f64, f64) -> f64| {
        let value = f(f64::from_bits(a), f64::from_bits(b));
        if value.is_nan() {
            0x7ff8 << 48
        } else {
            value.to_bits()
        }
    };
    match name {
        "f32_add" => single(|a, b| a + b),
        "f32_sub" => single(|a, b| a - b),
        "f32_mul" => single(|a, b| a * b),
        "f64_add" => double(|a, b| a + b),
        "f64_sub" => double(|a, b| a - b),
        "f64_mul" => double(|a, b| a * b),
        name => panic!("nothing is known of {name}"),
    }
}

/// The corners of a format with so many bits of fraction and exponent.
fn corners(fraction: u32, exponent: u32) -> Vec<u64> {
    let (one, most) = (1u64 << fraction, (1u64 << exponent) - 1);
    let bias = most / 2;
    let mut list = vec![
        0,
        1,
        2,
        3,
        one - 1,
        one / 2,
        one,
        one + 1,
        2 * one - 1,
        2 * one,
    ];
    list.extend([most * one - 1, (most - 1) * one, most * one]);
    list.extend([
        most * one + 1,
        most * one + one / 2,
        most * one + one / 2 + 5,
        most * one + one - 1,
    ]);
    for distance in (0..4).chain(22..36).chain(50..57) {
        for e in [
            bias + distance,
            bias - distance,
            bias / 2 + distance,
            1 + distance,
        ] {
            list.extend([e * one, e * one + 1, e * one + one - 1, e * one + one / 2]);
        }
    }
    let sign = 1u64 << (fraction + exponent);
    list.iter().flat_map(|v| [*v, *v | sign]).collect()
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

/// A pair of operands of one of the families.
fn pair(state: &mut u64, fraction: u32, exponent: u32) -> (u64, u64) {
    let all = u64::MAX >> (63 - fraction - exponent);
    let one = 1u64 << fraction;
    let (a, b) = (random(state) & all, random(state) & all);
    let pick = random(state) >> 32;
    let near = (a & !(one - 1))
        .wrapping_add((random(state) >> 40) % 80 * one)
        .wrapping_sub(40 * one);
    match pick % 5 {
        0 => (a, b),
        1 => (
            a,
            ((near ^ (b & !(all >> 1))) & all & !(one - 1)) | (b & (one - 1)),
        ),
        2 => {
            let few = !((one - 1) >> (pick >> 8 & 7));
            (a & few, ((near & !(one - 1)) | (b & (one - 1))) & few & all)
        }
        3 => (
            a,
            (a ^ ((all >> 1) + 1))
                .wrapping_add(random(state) >> 61)
                .wrapping_sub(3)
                & all,
        ),
        _ => (
            (a & (all >> 1) & !(all / 4 + 1)) | (all / 8 / one * one),
            b & !(all / 4 + 1),
        ),
    }
}

fn judge(name: &str, pairs: usize) {
    let helper = Helper::named(name).expect("there is such a helper");
    let mut bench = Bench::new(helper);
    let (fraction, exponent) = if bench.wide() { (52, 11) } else { (23, 8) };
    let corners = corners(fraction, exponent);
    for &a in &corners {
        for &b in &corners {
            bench.check(a, b);
        }
    }
    let mut state = 0x1234_5678_9abc_def1;
    let before = bench.machine.instructions;
    for _ in 0..pairs {
        let (a, b) = pair(&mut state, fraction, exponent);
        bench.check(a, b);
    }
    let ran = (bench.machine.instructions - before) as f64 / pairs as f64;
    println!(
        "{name}: {ran:.1} instructions, {} bytes",
        bench.memory.code.len()
    );
}

#[test]
fn every_helper_gives_the_host_s_bits() {
    for helper in HELPERS {
        judge(helper.name, 100_000);
    }
}
