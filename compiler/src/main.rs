//! The command `thumbsmith`.
use thumbsmith::*;
fn main() {
    let mut a = std::env::args().skip(1);
    let f = a.next().unwrap();
    let b = std::fs::read(&f).unwrap();
    let w = wat::parse_bytes(&b).unwrap().to_vec();
    let mut o = Options::default();
    let mut out = None;
    for x in a {
        if let Some(l) = x.strip_prefix("-O") { o.level = *Level::ALL.iter().find(|y| y.name()==l).unwrap(); } else { out = Some(x) }
    }
    match compile_with(&w, &o, None, out.is_none()) {
        Ok(r) => { if let Some(out)=out { std::fs::write(out, &r.object).unwrap(); println!("{:?}", r.stats) } else { println!("{}\n{:?}\n{}", r.asm, r.stats, r.header) } },
        Err(e) => { eprintln!("{e}"); std::process::exit(1) }
    }
}
