//! The table of encodings: one row for each T1..T4 encoding of each operation.
//!
//! In: nothing. Out: [`FORMS`], and [`forms`] for one operation. A row is: operation, the manual's name of the
//! encoding, bits, register operands in role order, immediate, flags, rules, and a mnemonic of its own if
//! it has one. Section numbers are those of the Arm v7-M manual; bits of each encoding are in A7.7.
//! Invariants, checked below and by the tests: rows are in the order of the operations and, for one
//! operation, smallest first; every operation has a row; decoding takes the first row whose encoder gives
//! the same bits back.

use super::form::{Flags::*, Form, Rule::*, operands};
use super::inst::Class;
use super::{Imm, Op, pattern::Pattern};
use crate::options::Feature::{Dsp, Fpv4Sp, Fpv5Dp, Fpv5Sp};

macro_rules! table {
    ($($op:ident $name:ident $bits:literal $operands:literal $imm:ident$(($unit:literal))? $flags:ident $rules:tt $($text:literal)?;)*) => {
        /// Every encoding.
        pub static FORMS: [Form; ROWS.len()] = ROWS;
        const ROWS: [Form; [$($bits),*].len()] = [$(Form {
            op: Op::$op,
            name: stringify!($name),
            pattern: Pattern::parse($bits),
            operands: operands($operands),
            imm: Imm::$imm$(($unit))?,
            flags: $flags,
            rules: &$rules,
            mnemonic: first(&[$($text)?]),
        },)*];
    };
}

const fn first(mnemonics: &[&'static str]) -> Option<&'static str> {
    if mnemonics.is_empty() {
        None
    } else {
        Some(mnemonics[0])
    }
}

/// For each operation, where its rows start and end.
const RANGES: [(usize, usize); Op::ALL.len()] = {
    let mut ranges = [(0, 0); Op::ALL.len()];
    let (mut row, mut op) = (0, 0);
    while op < Op::ALL.len() {
        let start = row;
        while row < ROWS.len() && ROWS[row].op as usize == op {
            assert!(
                row == start || ROWS[row].size() >= ROWS[row - 1].size(),
                "smallest first"
            );
            row += 1;
        }
        assert!(
            row > start,
            "an operation without an encoding, or rows out of order"
        );
        ranges[op] = (start, row);
        op += 1;
    }
    assert!(row == ROWS.len(), "rows out of order");
    ranges
};

/// For each operation, the classes of the registers of its rows, which are the same for all of them.
const CLASSES: [[Class; 4]; Op::ALL.len()] = {
    let mut classes = [[Class::Core; 4]; Op::ALL.len()];
    let mut row = 0;
    while row < ROWS.len() {
        let op = ROWS[row].op as usize;
        let mut place = 0;
        while place < 4 {
            let class = ROWS[row].operands[place].class;
            let same = class as u8 == classes[op][place] as u8;
            assert!(row == RANGES[op].0 || same, "registers of another class");
            classes[op][place] = class;
            place += 1;
        }
        row += 1;
    }
    classes
};

/// The classes of the register operands of an operation, in the order of its roles.
pub fn classes(op: Op) -> &'static [Class] {
    static BY_OP: [[Class; 4]; Op::ALL.len()] = CLASSES;
    &BY_OP[op as usize][..op.roles().len()]
}

/// The encodings of an operation, smallest first.
pub fn forms(op: Op) -> &'static [Form] {
    let (start, end) = RANGES[op as usize];
    &FORMS[start..end]
}

#[rustfmt::skip]
table! {
    // Data processing, modified or plain immediate (A5.3.1, A5.3.3).
    AddI T2 "00110dddiiiiiiii" "d d" Unsigned(1) OutsideIt [];
    AddI T1 "0001110iiinnnddd" "d n" Unsigned(1) OutsideIt [];
    AddI T1 "10101dddiiiiiiii" "d S" Unsigned(4) Keep [];
    AddI T2 "101100000iiiiiii" "S S" Unsigned(4) Keep [];
    AddI T3 "11110i01000snnnn0iiiddddiiiiiiii" "d+ n+" Modified Bit [SpFromSp];
    AddI T4 "11110i100000nnnn0iiiddddiiiiiiii" "d+ n+" Unsigned(1) Keep [SpFromSp] "addw";
    SubI T2 "00111dddiiiiiiii" "d d" Unsigned(1) OutsideIt [];
    SubI T1 "0001111iiinnnddd" "d n" Unsigned(1) OutsideIt [];
    SubI T1 "101100001iiiiiii" "S S" Unsigned(4) Keep [];
    SubI T3 "11110i01101snnnn0iiiddddiiiiiiii" "d+ n+" Modified Bit [SpFromSp];
    SubI T4 "11110i101010nnnn0iiiddddiiiiiiii" "d+ n+" Unsigned(1) Keep [SpFromSp] "subw";
    RsbI T1 "0100001001nnnddd" "d n" None OutsideIt [];
    RsbI T2 "11110i01110snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    AdcI T1 "11110i01010snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    SbcI T1 "11110i01011snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    AndI T1 "11110i00000snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    OrrI T1 "11110i00010snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    EorI T1 "11110i00100snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    BicI T1 "11110i00001snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    OrnI T1 "11110i00011snnnn0iiiddddiiiiiiii" "d n" Modified Bit [];
    MovI T1 "00100dddiiiiiiii" "d" Unsigned(1) OutsideIt [];
    MovI T2 "11110i00010s11110iiiddddiiiiiiii" "d" Modified Bit [];
    MvnI T1 "11110i00011s11110iiiddddiiiiiiii" "d" Modified Bit [];
    Movw T3 "11110j100100iiii0kkkddddkkkkkkkk" "d" Unsigned(1) Keep [];
    Movt T1 "11110j101100iiii0kkkddddkkkkkkkk" "d" Unsigned(1) Keep [];
    CmpI T1 "00101nnniiiiiiii" "n" Unsigned(1) Always [];
    CmpI T2 "11110i011011nnnn0iii1111iiiiiiii" "n+" Modified Always [];
    CmnI T1 "11110i010001nnnn0iii1111iiiiiiii" "n+" Modified Always [];
    TstI T1 "11110i000001nnnn0iii1111iiiiiiii" "n" Modified Always [];
    TeqI T1 "11110i001001nnnn0iii1111iiiiiiii" "n" Modified Always [];
    // Data processing, shifted register (A5.2.1, A5.2.2, A5.2.3, A5.3.11).
    AddR T1 "0001100mmmnnnddd" "d n m" None OutsideIt [];
    AddR T2 "01000100dmmmmddd" "d+ d m+" None Keep [];
    AddR T3 "11101011000snnnn0vvvddddvvhhmmmm" "d+ n+ m" None Bit [SpFromSp, SpShift];
    SubR T1 "0001101mmmnnnddd" "d n m" None OutsideIt [];
    SubR T2 "11101011101snnnn0vvvddddvvhhmmmm" "d+ n+ m" None Bit [SpFromSp, SpShift];
    RsbR T1 "11101011110snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    AdcR T1 "0100000101mmmddd" "d d m" None OutsideIt [];
    AdcR T2 "11101011010snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    SbcR T1 "0100000110mmmddd" "d d m" None OutsideIt [];
    SbcR T2 "11101011011snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    AndR T1 "0100000000mmmddd" "d d m" None OutsideIt [];
    AndR T2 "11101010000snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    OrrR T1 "0100001100mmmddd" "d d m" None OutsideIt [];
    OrrR T2 "11101010010snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    EorR T1 "0100000001mmmddd" "d d m" None OutsideIt [];
    EorR T2 "11101010100snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    BicR T1 "0100001110mmmddd" "d d m" None OutsideIt [];
    BicR T2 "11101010001snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    OrnR T1 "11101010011snnnn0vvvddddvvhhmmmm" "d n m" None Bit [];
    MovR T1 "01000110dmmmmddd" "d+ m+" None Keep [];
    MovR T2 "0000000000mmmddd" "d m" None OutsideIt [Outside];
    MovR T3 "11101010010s11110000dddd0000mmmm" "d m" None Bit [];
    MvnR T1 "0100001111mmmddd" "d m" None OutsideIt [];
    MvnR T2 "11101010011s11110vvvddddvvhhmmmm" "d m" None Bit [];
    CmpR T1 "0100001010mmmnnn" "n m" None Always [];
    CmpR T2 "01000101nmmmmnnn" "n+ m+" None Always [High(0, 1)];
    CmpR T3 "111010111011nnnn0vvv1111vvhhmmmm" "n+ m" None Always [];
    CmnR T1 "0100001011mmmnnn" "n m" None Always [];
    CmnR T2 "111010110001nnnn0vvv1111vvhhmmmm" "n+ m" None Always [];
    TstR T1 "0100001000mmmnnn" "n m" None Always [];
    TstR T2 "111010100001nnnn0vvv1111vvhhmmmm" "n m" None Always [];
    TeqR T1 "111010101001nnnn0vvv1111vvhhmmmm" "n m" None Always [];
    // Shifts (A5.2.1, A5.2.2, A5.3.11, A5.3.12).
    LslI T1 "00000iiiiimmmddd" "d m" Shift31 OutsideIt [];
    LslI T2 "11101010010s11110iiiddddii00mmmm" "d m" Shift31 Bit [];
    LsrI T1 "00001iiiiimmmddd" "d m" Shift32 OutsideIt [];
    LsrI T2 "11101010010s11110iiiddddii01mmmm" "d m" Shift32 Bit [];
    AsrI T1 "00010iiiiimmmddd" "d m" Shift32 OutsideIt [];
    AsrI T2 "11101010010s11110iiiddddii10mmmm" "d m" Shift32 Bit [];
    RorI T1 "11101010010s11110iiiddddii11mmmm" "d m" Shift31 Bit [];
    Rrx T1 "11101010010s11110000dddd0011mmmm" "d m" None Bit [];
    LslR T1 "0100000010mmmddd" "d d m" None OutsideIt [];
    LslR T2 "11111010000snnnn1111dddd0000mmmm" "d n m" None Bit [];
    LsrR T1 "0100000011mmmddd" "d d m" None OutsideIt [];
    LsrR T2 "11111010001snnnn1111dddd0000mmmm" "d n m" None Bit [];
    AsrR T1 "0100000100mmmddd" "d d m" None OutsideIt [];
    AsrR T2 "11111010010snnnn1111dddd0000mmmm" "d n m" None Bit [];
    RorR T1 "0100000111mmmddd" "d d m" None OutsideIt [];
    RorR T2 "11111010011snnnn1111dddd0000mmmm" "d n m" None Bit [];
    // Multiplication and division (A5.3.16, A5.3.17).
    Mul T1 "0100001101nnnddd" "d n d" None OutsideIt [];
    Mul T2 "111110110000nnnn1111dddd0000mmmm" "d n m" None Keep [];
    Mla T1 "111110110000nnnnaaaadddd0000mmmm" "d n m a" None Keep [];
    Mls T1 "111110110000nnnnaaaadddd0001mmmm" "d n m a" None Keep [];
    Umull T1 "111110111010nnnnddddeeee0000mmmm" "d e n m" None Keep [Differ(0, 1)];
    Smull T1 "111110111000nnnnddddeeee0000mmmm" "d e n m" None Keep [Differ(0, 1)];
    Umlal T1 "111110111110nnnnddddeeee0000mmmm" "d e n m" None Keep [Differ(0, 1)];
    Smlal T1 "111110111100nnnnddddeeee0000mmmm" "d e n m" None Keep [Differ(0, 1)];
    Umaal T1 "111110111110nnnnddddeeee0110mmmm" "d e n m" None Keep [Needs(Dsp), Differ(0, 1)];
    Sdiv T1 "111110111001nnnn1111dddd1111mmmm" "d n m" None Keep [];
    Udiv T1 "111110111011nnnn1111dddd1111mmmm" "d n m" None Keep [];
    Smmul T1 "111110110101nnnn1111dddd0000mmmm" "d n m" None Keep [Needs(Dsp)];
    Smulbb T1 "111110110001nnnn1111dddd0000mmmm" "d n m" None Keep [Needs(Dsp)];
    Smlabb T1 "111110110001nnnnaaaadddd0000mmmm" "d n m a" None Keep [Needs(Dsp)];
    // Bits (A5.2.5, A5.3.3, A5.3.12, A5.3.15). Field `x` repeats the last register; field `o` is a rotation.
    Clz T1 "111110101011xxxx1111dddd1000mmmm" "d m" None Keep [];
    Rbit T1 "111110101001xxxx1111dddd1010mmmm" "d m" None Keep [];
    Rev T1 "1011101000mmmddd" "d m" None Keep [];
    Rev T2 "111110101001xxxx1111dddd1000mmmm" "d m" None Keep [];
    Rev16 T1 "1011101001mmmddd" "d m" None Keep [];
    Rev16 T2 "111110101001xxxx1111dddd1001mmmm" "d m" None Keep [];
    Revsh T1 "1011101011mmmddd" "d m" None Keep [];
    Revsh T2 "111110101001xxxx1111dddd1011mmmm" "d m" None Keep [];
    Sxtb T1 "1011001001mmmddd" "d m" None Keep [];
    Sxtb T2 "11111010010011111111dddd10oommmm" "d m" None Keep [];
    Sxth T1 "1011001000mmmddd" "d m" None Keep [];
    Sxth T2 "11111010000011111111dddd10oommmm" "d m" None Keep [];
    Uxtb T1 "1011001011mmmddd" "d m" None Keep [];
    Uxtb T2 "11111010010111111111dddd10oommmm" "d m" None Keep [];
    Uxth T1 "1011001010mmmddd" "d m" None Keep [];
    Uxth T2 "11111010000111111111dddd10oommmm" "d m" None Keep [];
    Sxtab T1 "111110100100nnnn1111dddd10oommmm" "d n m" None Keep [Needs(Dsp)];
    Sxtah T1 "111110100000nnnn1111dddd10oommmm" "d n m" None Keep [Needs(Dsp)];
    Uxtab T1 "111110100101nnnn1111dddd10oommmm" "d n m" None Keep [Needs(Dsp)];
    Uxtah T1 "111110100001nnnn1111dddd10oommmm" "d n m" None Keep [Needs(Dsp)];
    Ubfx T1 "111100111100nnnn0iiiddddii0wwwww" "d n" FieldWidth Keep [];
    Sbfx T1 "111100110100nnnn0iiiddddii0wwwww" "d n" FieldWidth Keep [];
    Bfi T1 "111100110110nnnn0iiiddddii0wwwww" "d n" FieldMsb Keep [];
    Bfc T1 "11110011011011110iiiddddii0wwwww" "d" FieldMsb Keep [];
    Ssat T1 "1111001100h0nnnn0vvvddddvv0iiiii" "d n" LessOne Keep [];
    Usat T1 "1111001110h0nnnn0vvvddddvv0iiiii" "d n" Unsigned(1) Keep [];
    // Loads and stores (A5.2.4, A5.3.7-A5.3.10).
    LdrI T1 "01101iiiiinnnttt" "t n" Unsigned(4) Keep [];
    LdrI T2 "10011tttiiiiiiii" "t S" Unsigned(4) Keep [];
    LdrI T3 "111110001101nnnnttttiiiiiiiiiiii" "t* n+" Unsigned(1) Keep [];
    LdrI T4 "111110000101nnnntttt1100iiiiiiii" "t* n+" Negative(1) Keep [];
    LdrbI T1 "01111iiiiinnnttt" "t n" Unsigned(1) Keep [];
    LdrbI T2 "111110001001nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    LdrbI T3 "111110000001nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    LdrhI T1 "10001iiiiinnnttt" "t n" Unsigned(2) Keep [];
    LdrhI T2 "111110001011nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    LdrhI T3 "111110000011nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    LdrsbI T1 "111110011001nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    LdrsbI T2 "111110010001nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    LdrshI T1 "111110011011nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    LdrshI T2 "111110010011nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    LdrR T1 "0101100mmmnnnttt" "t n m" None Keep [];
    LdrR T2 "111110000101nnnntttt000000vvmmmm" "t* n+ m" None Keep [];
    LdrbR T1 "0101110mmmnnnttt" "t n m" None Keep [];
    LdrbR T2 "111110000001nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    LdrhR T1 "0101101mmmnnnttt" "t n m" None Keep [];
    LdrhR T2 "111110000011nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    LdrsbR T1 "0101011mmmnnnttt" "t n m" None Keep [];
    LdrsbR T2 "111110010001nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    LdrshR T1 "0101111mmmnnnttt" "t n m" None Keep [];
    LdrshR T2 "111110010011nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    LdrPre T4 "111110000101nnnntttt11u1iiiiiiii" "t* n+" Offset(1) Keep [Differ(0, 1)];
    LdrbPre T3 "111110000001nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrhPre T3 "111110000011nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrsbPre T2 "111110010001nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrshPre T2 "111110010011nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrPost T4 "111110000101nnnntttt10u1iiiiiiii" "t* n+" Offset(1) Keep [Differ(0, 1)];
    LdrbPost T3 "111110000001nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrhPost T3 "111110000011nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrsbPost T2 "111110010001nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrshPost T2 "111110010011nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    StrI T1 "01100iiiiinnnttt" "t n" Unsigned(4) Keep [];
    StrI T2 "10010tttiiiiiiii" "t S" Unsigned(4) Keep [];
    StrI T3 "111110001100nnnnttttiiiiiiiiiiii" "t+ n+" Unsigned(1) Keep [];
    StrI T4 "111110000100nnnntttt1100iiiiiiii" "t+ n+" Negative(1) Keep [];
    StrbI T1 "01110iiiiinnnttt" "t n" Unsigned(1) Keep [];
    StrbI T2 "111110001000nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    StrbI T3 "111110000000nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    StrhI T1 "10000iiiiinnnttt" "t n" Unsigned(2) Keep [];
    StrhI T2 "111110001010nnnnttttiiiiiiiiiiii" "t n+" Unsigned(1) Keep [];
    StrhI T3 "111110000010nnnntttt1100iiiiiiii" "t n+" Negative(1) Keep [];
    StrR T1 "0101000mmmnnnttt" "t n m" None Keep [];
    StrR T2 "111110000100nnnntttt000000vvmmmm" "t+ n+ m" None Keep [];
    StrbR T1 "0101010mmmnnnttt" "t n m" None Keep [];
    StrbR T2 "111110000000nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    StrhR T1 "0101001mmmnnnttt" "t n m" None Keep [];
    StrhR T2 "111110000010nnnntttt000000vvmmmm" "t n+ m" None Keep [];
    StrPre T4 "111110000100nnnntttt11u1iiiiiiii" "t+ n+" Offset(1) Keep [Differ(0, 1)];
    StrbPre T3 "111110000000nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    StrhPre T3 "111110000010nnnntttt11u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    StrPost T4 "111110000100nnnntttt10u1iiiiiiii" "t+ n+" Offset(1) Keep [Differ(0, 1)];
    StrbPost T3 "111110000000nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    StrhPost T3 "111110000010nnnntttt10u1iiiiiiii" "t n+" Offset(1) Keep [Differ(0, 1)];
    LdrLit T1 "01001tttiiiiiiii" "t" Unsigned(4) Keep [];
    LdrLit T2 "11111000u1011111ttttiiiiiiiiiiii" "t*" Offset(1) Keep [PcWord];
    Adr T1 "10100dddiiiiiiii" "d" Unsigned(4) Keep [];
    Adr T2 "11110i10101011110iiiddddiiiiiiii" "d" Negative(1) Keep [];
    Adr T3 "11110i10000011110iiiddddiiiiiiii" "d" Unsigned(1) Keep [];
    LdrdI T1 "11101001u101nnnntttteeeeiiiiiiii" "t e n+" Offset(4) Keep [Differ(0, 1)];
    StrdI T1 "11101001u100nnnntttteeeeiiiiiiii" "t e n+" Offset(4) Keep [];
    // Lists (A5.2.5, A5.3.5): `r` from r0 up, `y` is LR, `z` is PC, `q` the number of the only register.
    Ldmia T1 "11001nnnrrrrrrrr" "n" None Keep [ListHasBase];
    Ldmia T2 "111010001001nnnnzy0rrrrrrrrrrrrr" "n+" None Keep [ListTwo, ListNotLrPc];
    LdmiaWb T1 "11001nnnrrrrrrrr" "n" None Keep [ListLacksBase];
    LdmiaWb T2 "111010001011nnnnzy0rrrrrrrrrrrrr" "n" None Keep [ListTwo, ListNotLrPc, ListLacksBase];
    LdmdbWb T1 "111010010011nnnnzy0rrrrrrrrrrrrr" "n" None Keep [ListTwo, ListNotLrPc, ListLacksBase];
    Stmia T2 "111010001000nnnn0y0rrrrrrrrrrrrr" "n+" None Keep [ListTwo];
    StmiaWb T1 "11000nnnrrrrrrrr" "n" None Keep [ListLacksBase];
    StmiaWb T2 "111010001010nnnn0y0rrrrrrrrrrrrr" "n" None Keep [ListTwo, ListLacksBase];
    StmdbWb T1 "111010010010nnnn0y0rrrrrrrrrrrrr" "n" None Keep [ListTwo, ListLacksBase];
    Push T1 "1011010yrrrrrrrr" "" None Keep [];
    Push T2 "11101001001011010y0rrrrrrrrrrrrr" "" None Keep [ListTwo];
    Push T3 "1111100001001101qqqq110100000100" "" None Keep [];
    Pop T1 "1011110zrrrrrrrr" "" None Keep [];
    Pop T2 "1110100010111101zy0rrrrrrrrrrrrr" "" None Keep [ListTwo, ListNotLrPc];
    Pop T3 "1111100001011101qqqq101100000100" "" None Keep [];
    // Control (A5.2.5, A5.2.6, A5.3.4, A5.3.6).
    B T1 "1101cccciiiiiiii" "" Signed(2) Keep [Outside];
    B T2 "11100iiiiiiiiiii" "" Signed(2) Keep [Last];
    B T3 "11110iccccllllll10k0jlllllllllll" "" Signed(2) Keep [Outside];
    B T4 "11110illllllllll10j1klllllllllll" "" SignedXor(2) Keep [Last];
    Bl T1 "11110illllllllll11j1klllllllllll" "" SignedXor(2) Keep [Last];
    BlxR T1 "010001111mmmm000" "m" None Keep [Last];
    BxR T1 "010001110mmmm000" "m" None Keep [Last];
    Cbz T1 "101100i1iiiiinnn" "n" Unsigned(2) Keep [Outside];
    Cbnz T1 "101110i1iiiiinnn" "n" Unsigned(2) Keep [Outside];
    Tbb T1 "111010001101nnnn111100000000mmmm" "n% m" None Keep [Last];
    Tbh T1 "111010001101nnnn111100000001mmmm" "n% m" None Keep [Last];
    It T1 "10111111cccciiii" "" ItMask Keep [Outside];
    Nop T1 "1011111100000000" "" None Keep [];
    Nop T2 "11110011101011111000000000000000" "" None Keep [];
    Udf T1 "11011110iiiiiiii" "" Unsigned(1) Keep [Outside];
    Udf T2 "111101111111iiii1010iiiiiiiiiiii" "" Unsigned(1) Keep [Outside];
    Bkpt T1 "10111110iiiiiiii" "" Unsigned(1) Keep [Outside];
    // Floating-point data processing (A6.4). Fields `f`, `g` and `p` are D, N and M of the manual, which are 0 for `d0`-`d15`.
    VaddF32 T2 "111011100f11nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv4Sp)];
    VaddF64 T1 "111011100011nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp)];
    VsubF32 T2 "111011100f11nnnndddd1010g1p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv4Sp)];
    VsubF64 T1 "111011100011nnnndddd10110100mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp)];
    VmulF32 T2 "111011100f10nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv4Sp)];
    VmulF64 T1 "111011100010nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp)];
    VdivF32 T1 "111011101f00nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv4Sp)];
    VdivF64 T1 "111011101000nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp)];
    VmaxnmF32 T1 "111111101f00nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VmaxnmF64 T1 "111111101000nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VminnmF32 T1 "111111101f00nnnndddd1010g1p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VminnmF64 T1 "111111101000nnnndddd10110100mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VsqrtF32 T1 "111011101f110001dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VsqrtF64 T1 "1110111010110001dddd10111100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VnegF32 T1 "111011101f110001dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VnegF64 T1 "1110111010110001dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VabsF32 T1 "111011101f110000dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VabsF64 T1 "1110111010110000dddd10111100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VmovRF32 T2 "111011101f110000dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VmovRF64 T2 "1110111010110000dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VmovIF32 T1 "111011101f11iiiidddd10100000iiii" "d:f" Float Keep [Needs(Fpv4Sp)];
    VmovIF64 T1 "111011101011iiiidddd10110000iiii" "0:d" Float Keep [Needs(Fpv5Dp)];
    VrintaF32 T1 "111111101f111000dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp), Outside];
    VrintaF64 T1 "1111111010111000dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VrintnF32 T1 "111111101f111001dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp), Outside];
    VrintnF64 T1 "1111111010111001dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VrintpF32 T1 "111111101f111010dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp), Outside];
    VrintpF64 T1 "1111111010111010dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VrintmF32 T1 "111111101f111011dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp), Outside];
    VrintmF64 T1 "1111111010111011dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VrintzF32 T1 "111011101f110110dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp)];
    VrintzF64 T1 "1110111010110110dddd10111100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VrintrF32 T1 "111011101f110110dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp)];
    VrintrF64 T1 "1110111010110110dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VrintxF32 T1 "111011101f110111dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv5Sp)];
    VrintxF64 T1 "1110111010110111dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VcmpF32 T1 "111011101f110100dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcmpF64 T1 "1110111010110100dddd10110100mmmm" "0:d 0:m" None Keep [Needs(Fpv5Dp)];
    VcmpZeroF32 T2 "111011101f110101dddd101001000000" "d:f" None Keep [Needs(Fpv4Sp)];
    VcmpZeroF64 T2 "1110111010110101dddd101101000000" "0:d" None Keep [Needs(Fpv5Dp)];
    VselEqF32 T1 "111111100f00nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VselEqF64 T1 "111111100000nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VselVsF32 T1 "111111100f01nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VselVsF64 T1 "111111100001nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VselGeF32 T1 "111111100f10nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VselGeF64 T1 "111111100010nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VselGtF32 T1 "111111100f11nnnndddd1010g0p0mmmm" "d:f n:g m:p" None Keep [Needs(Fpv5Sp), Outside];
    VselGtF64 T1 "111111100011nnnndddd10110000mmmm" "0:d 0:n 0:m" None Keep [Needs(Fpv5Dp), Outside];
    VcvtS32F32 T1 "111011101f111101dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtS32F64 T1 "111011101f111101dddd10111100mmmm" "d:f 0:m" None Keep [Needs(Fpv5Dp)];
    VcvtrS32F32 T1 "111011101f111101dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtrS32F64 T1 "111011101f111101dddd10110100mmmm" "d:f 0:m" None Keep [Needs(Fpv5Dp)];
    VcvtF32S32 T1 "111011101f111000dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtF64S32 T1 "1110111010111000dddd101111p0mmmm" "0:d m:p" None Keep [Needs(Fpv5Dp)];
    VcvtU32F32 T1 "111011101f111100dddd101011p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtU32F64 T1 "111011101f111100dddd10111100mmmm" "d:f 0:m" None Keep [Needs(Fpv5Dp)];
    VcvtrU32F32 T1 "111011101f111100dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtrU32F64 T1 "111011101f111100dddd10110100mmmm" "d:f 0:m" None Keep [Needs(Fpv5Dp)];
    VcvtF32U32 T1 "111011101f111000dddd101001p0mmmm" "d:f m:p" None Keep [Needs(Fpv4Sp)];
    VcvtF64U32 T1 "1110111010111000dddd101101p0mmmm" "0:d m:p" None Keep [Needs(Fpv5Dp)];
    VcvtF64F32 T1 "1110111010110111dddd101011p0mmmm" "0:d m:p" None Keep [Needs(Fpv5Dp)];
    VcvtF32F64 T1 "111011101f110111dddd10111100mmmm" "d:f 0:m" None Keep [Needs(Fpv5Dp)];
    // Transfers between core registers and those of the FPU (A6.6, A6.7).
    Vmrs T1 "11101110111100011111101000010000" "" None Always [Needs(Fpv4Sp)];
    VmovSR T1 "111011100000nnnntttt1010g0010000" "n:g t" None Keep [Needs(Fpv4Sp)];
    VmovRS T1 "111011100001nnnntttt1010g0010000" "t n:g" None Keep [Needs(Fpv4Sp)];
    VmovDRR T1 "111011000100eeeetttt10110001mmmm" "0:m t e" None Keep [Needs(Fpv4Sp)];
    VmovRRD T1 "111011000101eeeetttt10110001mmmm" "t e 0:m" None Keep [Needs(Fpv4Sp), Differ(0, 1)];
    // Loads and stores of registers of the FPU (A6.5). Field `q` is the first register of a list, `b` their number.
    VldrS T2 "11101101uf01nnnndddd1010iiiiiiii" "d:f n+" Offset(4) Keep [Needs(Fpv4Sp)];
    VldrD T1 "11101101u001nnnndddd1011iiiiiiii" "0:d n+" Offset(4) Keep [Needs(Fpv4Sp)];
    VldrLitS T2 "11101101uf011111dddd1010iiiiiiii" "d:f" Offset(4) Keep [Needs(Fpv4Sp)];
    VldrLitD T1 "11101101u0011111dddd1011iiiiiiii" "0:d" Offset(4) Keep [Needs(Fpv4Sp)];
    VstrS T2 "11101101uf00nnnndddd1010iiiiiiii" "d:f n+" Offset(4) Keep [Needs(Fpv4Sp)];
    VstrD T1 "11101101u000nnnndddd1011iiiiiiii" "0:d n+" Offset(4) Keep [Needs(Fpv4Sp)];
    Vpush T1 "1110110100101101qqqq1011bbbbbbb0" "" None Keep [Needs(Fpv4Sp)];
    Vpop T1 "1110110010111101qqqq1011bbbbbbb0" "" None Keep [Needs(Fpv4Sp)];
}
