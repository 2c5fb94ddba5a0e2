//! Memories as the object and the header show them: sizes, places, imports; and what the options refuse.

use object::{Object, ObjectSection, ObjectSymbol};
use thumbsmith::options::{Base, memory_base};
use thumbsmith::{Bounds, ErrorKind, Options, Output, compile};

fn compiled(fields: &str, options: &Options) -> Result<Output, thumbsmith::Error> {
    let wasm = wat::parse_str(format!("(module {fields})")).expect("text parses");
    compile(&wasm, options)
}

fn named(options: Options) -> Options {
    Options {
        name: "m".into(),
        ..options
    }
}

/// Bytes that the object reserves under a name.
fn reserved(output: &Output, name: &str) -> Option<u64> {
    let file = object::File::parse(&*output.object).expect("an object");
    let section = file.section_by_name(&format!(".bss.{name}"))?;
    Some(section.size())
}

const GROWS: &str = "(func (export \"grow\") (result i32) (memory.grow (i32.const 1)))";

/// A memory in text, `--memory-max`, whether something grows it, what comes of it.
type Size = (&'static str, Option<u64>, bool, Result<u64, &'static str>);

/// A memory, `--memory-max`, whether something grows it; the bytes that are reserved, or a part of the error.
const SIZES: &[Size] = &[
    ("(memory 1 3)", None, true, Ok(3 << 16)),
    ("(memory 1 3)", None, false, Ok(1 << 16)),
    ("(memory 1)", None, true, Ok(1 << 16)),
    ("(memory 1)", Some(4 << 16), true, Ok(4 << 16)),
    ("(memory 1)", Some((4 << 16) + 7), true, Ok(4 << 16)),
    ("(memory 1 9)", Some(4 << 16), true, Ok(4 << 16)),
    ("(memory 1 3)", Some(4 << 16), true, Ok(3 << 16)),
    ("(memory 5)", Some(4 << 16), true, Err("--memory-max")),
    ("(memory 300 4000 (pagesize 1))", None, true, Ok(4000)),
    ("(memory 300 4000 (pagesize 1))", Some(1000), true, Ok(1000)),
    ("(memory 300 (pagesize 1))", None, false, Ok(300)),
    ("(memory 65535)", None, false, Ok(65535 << 16)),
    ("(memory 65536)", None, false, Err("65536 pages")),
    ("(memory 0 65536)", None, true, Ok(65535 << 16)),
    (
        "(memory 4294967295 (pagesize 1))",
        None,
        false,
        Ok(0xffff_ffff),
    ),
];

#[test]
fn memories_have_the_size_that_they_need() {
    for (memory, memory_max, grown, expected) in SIZES {
        let options = named(Options {
            memory_max: *memory_max,
            ..Options::default()
        });
        let grow = if *grown { GROWS } else { "" };
        let got = compiled(&format!("{memory} {grow}"), &options);
        match (got, expected) {
            (Ok(output), Ok(bytes)) => {
                assert_eq!(reserved(&output, "m_memory"), Some(*bytes), "{memory}");
            }
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{memory}: {e}"),
            (Ok(_), Err(part)) => panic!("{memory} compiles, without {part}"),
            (Err(e), Ok(_)) => panic!("{memory}: {e}"),
        }
    }
}

#[test]
fn a_memory_elsewhere_is_not_reserved() {
    let fields =
        "(memory 1) (func (export \"f\") (param i32) (result i32) (i32.load (local.get 0)))";
    let at = |memory_base| {
        let options = named(Options {
            memory_base,
            ..Options::default()
        });
        compiled(fields, &options).expect("compiles")
    };
    let fixed = at(Base::Address(0x2001_0000));
    assert_eq!(reserved(&fixed, "m_memory"), None);
    let file = object::File::parse(&*fixed.object).expect("an object");
    let symbol = file.symbols().find(|s| s.name() == Ok("m_memory"));
    let symbol = symbol.expect("an absolute symbol");
    assert_eq!(symbol.address(), 0x2001_0000);
    assert_eq!(symbol.section(), object::SymbolSection::Absolute);
    assert!(symbol.is_global());
    let identity = at(Base::Identity);
    assert_eq!(reserved(&identity, "m_memory"), None);
    assert!(!identity.header.contains("m_memory"), "{}", identity.header);
    // No base is added: there is less code, and no relocation of the memory.
    let size = |o: &Output| o.stats.code_bytes;
    assert!(size(&identity) < size(&at(Base::Symbol)));
}

#[test]
fn all_of_the_address_space_is_a_memory_where_addresses_are_machine_addresses() {
    let fields = "(memory 65536) (func (export \"f\") (param i32) (result i32)
        (i32.load8_u (local.get 0)))";
    for (memory_base, there) in [(Base::Identity, true), (Base::Symbol, false)] {
        let options = named(Options {
            memory_base,
            ..Options::default()
        });
        let output = compiled(fields, &options);
        assert_eq!(output.is_ok(), there);
        if let Ok(output) = output {
            // Every byte is inside: nothing is checked, LDRB and BX are all.
            let code = output.stats.code_bytes;
            assert!(code <= 4 + 4, "{code} bytes");
        }
    }
}

#[test]
fn places_are_read_as_they_are_written() {
    assert_eq!(memory_base("symbol"), Ok(Base::Symbol));
    assert_eq!(memory_base("identity"), Ok(Base::Identity));
    assert_eq!(memory_base("0x20010000"), Ok(Base::Address(0x2001_0000)));
    assert_eq!(memory_base("4096"), Ok(Base::Address(4096)));
    for wrong in ["", "0x", "nowhere", "0x100000000", "0x20010001", "-8"] {
        let e = memory_base(wrong).expect_err(wrong);
        assert_eq!(e.kind, ErrorKind::Options, "{wrong}");
    }
}

#[test]
fn an_imported_memory_is_a_symbol_with_its_size_beside_it() {
    let fields = "(import \"other\" \"heap\" (memory 1 4))
        (func (export \"f\") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export \"grow\") (result i32) (memory.grow (i32.const 1)))";
    let output = compiled(fields, &named(Options::default())).expect("compiles");
    let file = object::File::parse(&*output.object).expect("an object");
    let undefined: Vec<&str> = file
        .symbols()
        .filter(|s| s.is_undefined())
        .filter_map(|s| s.name().ok())
        .collect();
    for symbol in ["other_heap", "other_heap_pages", "other_heap_max_pages"] {
        assert!(undefined.contains(&symbol), "{symbol}: {undefined:?}");
        assert!(output.header.contains(symbol), "{}", output.header);
    }
    // A size that the import fixes is a constant.
    let fixed = fields.replace("(memory 1 4)", "(memory 1 1)");
    let output = compiled(&fixed, &named(Options::default())).expect("compiles");
    assert!(!output.header.contains("other_heap_pages"));
    let mask = named(Options {
        bounds: Bounds::Mask,
        ..Options::default()
    });
    assert!(compiled(&fixed, &mask).is_ok());
    let e = compiled(fields, &mask)
        .err()
        .expect("its size is not fixed");
    assert!(e.to_string().contains("not fixed"), "{e}");
}

#[test]
fn an_open_memory_has_its_sizes_for_others() {
    let fields = "(memory (export \"heap\") 1 4)";
    for (memory_open, bytes) in [(false, 1), (true, 4)] {
        let options = named(Options {
            memory_open,
            ..Options::default()
        });
        let output = compiled(fields, &options).expect("compiles");
        assert_eq!(reserved(&output, "m_memory"), Some(bytes << 16));
        assert_eq!(output.header.contains("m_memory_pages"), memory_open);
        assert_eq!(output.header.contains("m_memory_max_pages"), memory_open);
    }
}
