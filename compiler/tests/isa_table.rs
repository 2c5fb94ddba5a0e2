//! The table of encodings against itself: every halfword, random words, every form, text.

use thumbsmith::Cpu;
use thumbsmith::isa::decode::{decode_form, is_wide};
use thumbsmith::isa::table::{FORMS, forms};
use thumbsmith::isa::{
    Cond, Dialect, Inst, Op, Place, encode, encode_sized, parse, parse_sized, size,
};

/// Splitmix64: the same stream on every host.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32
    }
}

/// A core that has every instruction.
const ALL: Cpu = Cpu::CortexM7F;

/// Where instructions can stand, as the decoder and as the encoder are told.
const PLACES: [(Option<Cond>, Place); 2] = [(None, Place::Outside), (Some(Cond::Lt), Place::Last)];

#[test]
fn every_halfword_is_refused_or_reencodes() {
    for (in_it, place) in PLACES {
        let (mut decoded, mut refused) = (0, 0);
        for hw in 0..=u16::MAX {
            if is_wide(hw) {
                continue;
            }
            match decode_form(&[hw], in_it) {
                Ok((form, inst)) => {
                    decoded += 1;
                    assert_eq!(form.encode(&inst, ALL, place), Ok(u32::from(hw)));
                    let again = encode(&inst, ALL, place).unwrap();
                    assert_eq!(again.size, 2, "{inst}");
                    // Another form with the same size may come first, but it must mean the same.
                    let (_, same) = decode_form(again.halfwords(), in_it).unwrap();
                    assert_eq!(same, inst);
                }
                Err(_) => refused += 1,
            }
        }
        // 59,392 halfwords are 16-bit instructions. Refused outside of IT blocks: SVC 256, CPS and SETEND 256,
        // unallocated 576, hints 15 and IT AL 30, LDM and STM with an empty list or a stored base 1,040, an
        // empty PUSH or POP 2, and high registers that are PC, SP in a branch, low in CMP T2, or with bits
        // set below BX and BLX 400. Inside: also B T1, CBZ, IT, BKPT, UDF and MOVS between registers.
        let expected = if in_it.is_some() { 51_423 } else { 56_817 };
        assert_eq!((decoded, decoded + refused), (expected, 59_392));
    }
}

#[test]
fn what_is_cut_short_is_named_by_its_first_halfword() {
    for first in 0xe800..=0xffff_u16 {
        let error = decode_form(&[first], None).expect_err("half of an instruction");
        assert_eq!(error.word, u32::from(first) << 16);
    }
    assert!(decode_form(&[], None).is_err());
}

#[test]
fn random_wide_words_are_refused_or_reencode() {
    let mut random = Random(1);
    let mut decoded = 0;
    for n in 0..4_000_000 {
        let mut word = random.next() | 0xe000_0000;
        // Half of the words are drawn near rows so that more of them decode.
        if n % 2 == 0 {
            let form = &FORMS[random.next() as usize % FORMS.len()];
            if form.size() == 4 {
                word = word & !form.pattern.mask | form.pattern.value;
            }
        }
        let hw = [(word >> 16) as u16, word as u16];
        if !is_wide(hw[0]) {
            continue;
        }
        let Ok((form, inst)) = decode_form(&hw, None) else {
            continue;
        };
        decoded += 1;
        assert_eq!(form.encode(&inst, ALL, Place::Outside), Ok(word), "{inst}");
        let wide = encode_sized(&inst, ALL, Place::Outside, 4).unwrap();
        let (same, _) = thumbsmith::isa::decode(&wide.hw, None).unwrap();
        assert_eq!(same.to_string(), inst.to_string());
    }
    assert!(decoded > 1_000_000, "{decoded}");
}

/// Immediates, shifts, widths and flags of the wide forms: some word with each value decodes. A decoder that gives up on one
/// still reads back all that it reads, and so would pass for right.
#[test]
fn every_value_of_a_small_field_is_an_instruction() {
    let mut random = Random(5);
    let (mut values, mut nothing) = (0, Vec::new());
    for form in FORMS.iter().filter(|form| form.size() == 4) {
        let p = &form.pattern;
        let small = |l: &u8| p.has(*l) && p.width(*l) <= 5;
        for letter in b"bhiosuvw".iter().copied().filter(small) {
            for value in 0..1u32 << p.width(letter) {
                values += 1;
                let means = (0..400).any(|_| {
                    let word = random.next() & !p.mask | p.value;
                    let word = word & !p.insert(letter, !0) | p.insert(letter, value);
                    form.decode(word, None).is_some()
                });
                if !means {
                    nothing.push(format!("{:?} {}={value}", form.op, letter as char));
                }
            }
        }
    }
    assert!(values > 1_000, "{values}");
    // LSL by nothing is MOV, and ROR by nothing is RRX.
    assert_eq!(nothing, ["LslI i=0", "RorI i=0"]);
}

/// Random legal instructions of every form.
fn samples(each: usize, mut check: impl FnMut(usize, &Inst, Option<Cond>, Place)) {
    let mut random = Random(2);
    for (index, form) in FORMS.iter().enumerate() {
        let mut seen = 0;
        for _ in 0..each * 40 {
            let (in_it, place) = PLACES[random.next() as usize % 2];
            if let Some(inst) = form.sample(random.next(), in_it) {
                check(index, &inst, in_it, place);
                seen += 1;
                if seen == each {
                    break;
                }
            }
        }
        assert!(
            seen >= each.min(8),
            "{:?} {} gave {seen} instructions",
            form.op,
            form.name
        );
    }
}

#[test]
fn every_form_round_trips() {
    let mut count = 0;
    samples(2000, |index, inst, in_it, place| {
        let form = &FORMS[index];
        let word = form.encode(inst, ALL, place).unwrap();
        assert_eq!(form.decode(word, in_it).as_ref(), Some(inst));
        let best = encode(inst, ALL, place).unwrap();
        assert!(best.size <= form.size());
        assert_eq!(size(inst, ALL, place), Ok(best.size));
        let (back, bytes) = thumbsmith::isa::decode(best.halfwords(), in_it).unwrap();
        assert_eq!(bytes, best.size);
        // An alias (LDR from the stack that is a POP) encodes to the same bits.
        assert!(back == *inst || encode_sized(&back, ALL, place, bytes) == Ok(best));
        let text = inst.to_string();
        let read = parse(&text).unwrap_or_else(|e| panic!("{e}"));
        assert!(
            read == back || encode(&read, ALL, place) == Ok(best),
            "{text}"
        );
        for dialect in [Dialect::Gnu, Dialect::Llvm] {
            let text = inst.text_sized(ALL, place, form.size(), dialect);
            let (read, forced) = parse_sized(&text).unwrap_or_else(|e| panic!("{e}"));
            let sized = encode_sized(&read, ALL, place, form.size());
            assert_eq!(sized, encode_sized(inst, ALL, place, form.size()), "{text}");
            assert!(forced.is_none_or(|f| f == form.size()), "{text}");
        }
        count += 1;
    });
    assert!(count > 300_000, "{count}");
}

#[test]
fn operands_out_of_range_are_errors() {
    let mut random = Random(3);
    for op in Op::ALL {
        for _ in 0..20_000 {
            let r = random.next();
            let mut inst = Inst::new(*op, &[], 0);
            for (i, reg) in inst.regs.iter_mut().enumerate() {
                reg.0 = (r >> (4 * i)) as u8 & 15;
                if r.is_multiple_of(3) {
                    reg.0 = (random.next() % 80) as u8;
                }
            }
            inst.imm = (random.next() as i32) >> (r >> 16 & 31);
            inst.imm2 = if r >> 21 & 1 == 0 {
                0
            } else {
                (r >> 22) as u8 & 63
            };
            inst.s = r >> 28 & 1 == 1;
            inst.list.0 = if r >> 29 & 1 == 1 {
                random.next().into()
            } else {
                0
            };
            inst.cond = if r >> 30 & 1 == 1 { Cond::Ge } else { Cond::Al };
            for place in [Place::Outside, Place::Inside, Place::Last] {
                let Ok(e) = encode(&inst, ALL, place) else {
                    continue;
                };
                let in_it = (place != Place::Outside).then_some(inst.cond);
                let (back, _) = thumbsmith::isa::decode(e.halfwords(), in_it).unwrap();
                let n = op.roles().len();
                if back.op == inst.op {
                    assert_eq!(back.imm, inst.imm, "{inst}");
                    assert_eq!(
                        (back.regs[..n].to_vec(), back.list),
                        (inst.regs[..n].to_vec(), inst.list)
                    );
                    assert_eq!(back.s || op.sem().is_test(), inst.s || op.sem().is_test());
                } else {
                    assert_eq!(encode_sized(&back, ALL, place, e.size), Ok(e), "{inst}");
                }
            }
        }
    }
}

#[test]
fn what_a_core_lacks_is_refused() {
    let mut refused = 0;
    for form in &FORMS {
        let inst = (0..100_000u32).find_map(|b| form.sample(b.wrapping_mul(0x9e37_79b9), None));
        let Some(inst) = inst else {
            panic!("no instruction of {:?}", form.op)
        };
        for cpu in Cpu::ALL {
            // No form of an operation is there without the others.
            let exists = encode(&inst, cpu, Place::Outside).is_ok();
            assert_eq!(exists, form.exists_on(cpu), "{inst} on {}", cpu.name());
            assert!(forms(form.op).iter().all(|f| f.exists_on(cpu) == exists));
            refused += usize::from(!exists);
        }
    }
    assert!(refused > 250, "{refused}");
}
