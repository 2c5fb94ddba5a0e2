//! The firmwares that the tests run: modules, the C around them, and what must come of it. One row each.

use super::Part;

pub struct Case {
    pub name: &'static str,
    pub parts: &'static [Part<'static>],
    pub c: &'static str,
    /// What it prints.
    pub prints: &'static str,
    /// The opcodes that trapped, in order.
    pub traps: &'static [u8],
}

pub const CASES: &[Case] = &[
    CALLS, IMPORTS, STATE, TRAPS, STACK, GROW, TWO, SHARED, DEEP, HANDLES,
];

const CALLS: Case = Case {
    name: "calls",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export "mul64") (param i64 i64) (result i64) (i64.mul (local.get 0) (local.get 1)))
            (func (export "div64") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
            (func (export "holes") (param i32 i64 i32 i64 i32 i32 i64) (result i64)
              (i64.add (i64.mul (local.get 1) (i64.const 3))
                (i64.add (i64.mul (local.get 3) (i64.const 5))
                  (i64.add (i64.mul (local.get 6) (i64.const 7))
                    (i64.extend_i32_u
                      (i32.add (local.get 0) (i32.add (i32.mul (local.get 2) (i32.const 11))
                        (i32.add (i32.mul (local.get 4) (i32.const 13)) (i32.mul (local.get 5) (i32.const 17))))))))))
            (func $both (export "both") (export "both_again") (param i32 i64 i32) (result i32 i64 i32)
              (i32.add (local.get 0) (i32.const 1)) (i64.sub (local.get 1) (i64.const 1)) (local.get 2))
            (func (export "sum_of_both") (param i32) (result i64)
              (local $a i32) (local $b i64) (local $c i32)
              (call $both (local.get 0) (i64.const 0x100000000) (i32.const 7))
              (local.set $c) (local.set $b) (local.set $a)
              (i64.add (local.get $b) (i64.extend_i32_u (i32.add (local.get $a) (local.get $c)))))
            (func (export "class") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "a-b") (result i32) (i32.const 0xab))
            (func (export "a_b") (result i32) (i32.const 0xa0b))
            (func (export "größe") (result i32) (i32.const 0x99)))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            m_init();
            show("add", add(0xffffffff, 3));
            show("mul64", mul64(0x123456789ull, 0xfedcba987ull));
            show("div64", div64((uint64_t)-1000000000000ll, 7));
            show("holes", holes(1, 0x200000000ull, 3, 0x400000000ull, 5, 6, 0x700000000ull));
            struct both_results r = both(1, 0x500000000ull, 9);
            show("r0", r.r0); show("r1", r.r1); show("r2", r.r2);
            struct both_again_results s = both_again(2, 1, 10);
            show("s", s.r0 + s.r1 + s.r2);
            show("sum", sum_of_both(5));
            show("class", wasm_class(1));
            show("dash", a_b());
            show("underscore", a_b_2());
            show("umlaut", gr__e());
            return 0;
        }"#,
    prints: "add=2\nmul64=1fa00acc59960a3f\ndiv64=ffffffdebd0cfdb7\nholes=4b000000c9\nr0=2\nr1=4ffffffff\nr2=9\n\
        s=d\nsum=10000000c\nclass=2\ndash=ab\nunderscore=a0b\numlaut=99\n",
    traps: &[],
};

const IMPORTS: Case = Case {
    name: "imports",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (import "env" "host" (func $host (param i32 i64 i32) (result i64)))
            (import "sys" "tick" (func $tick))
            (import "env" "pair" (func $pair (param i32) (result i32 i64)))
            (import "env" "offset" (global $offset i32))
            (import "env" "counter" (global $counter (mut i64)))
            (func (export "run") (param i32) (result i64)
              (call $tick)
              (global.set $counter (i64.add (global.get $counter) (i64.const 0x100000001)))
              (i64.add (call $host (local.get 0) (i64.const 0x123456789a) (i32.const 5))
                       (i64.extend_i32_u (global.get $offset))))
            (func (export "pairs") (param i32) (result i64)
              (local $b i64)
              (call $pair (local.get 0)) (local.set $b) (i64.extend_i32_u) (i64.add (local.get $b)))
            (func (export "back") (param i32) (result i32)
              (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0x77))
                (else (i32.wrap_i64 (call $host (i32.sub (local.get 0) (i32.const 1)) (i64.const 0) (i32.const 0))))))
            (export "host_again" (func $host))
            (export "pair_again" (func $pair))
            (export "host" (func $host)))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        const uint32_t offset = 0x1000;
        uint64_t counter;
        static uint32_t ticks;
        uint64_t host(uint32_t a, uint64_t b, uint32_t c) {
            if (c == 0)
                return back(a) + 1;
            return a + b + c;
        }
        void sys_tick(void) { ticks++; }
        struct pair_results pair(uint32_t a) {
            struct pair_results r = { a * 2, 0x900000000ull + a };
            return r;
        }
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            m_init();
            show("run", run(1));
            run(2);
            show("ticks", ticks);
            show("counter", counter);
            show("pairs", pairs(0x21));
            show("back", back(4));
            show("again", host_again(1, 2, 3));
            show("pair again", pair_again(4).r1 + pair_again(4).r0);
            return 0;
        }"#,
    prints: "run=12345688a0\nticks=2\ncounter=200000002\npairs=900000063\nback=7b\nagain=6\npair again=90000000c\n",
    traps: &[],
};

const STATE: Case = Case {
    name: "state",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (import "env" "base" (global $base i32))
            (memory (export "memory") 1 1)
            (global $g (export "big") (mut i64) (i64.const 0x1122334455667788))
            (global $c (export "fixed") i32 (i32.const 42))
            (global $copy (mut i32) (global.get $base))
            (global $hidden (mut i32) (i32.const 3))
            (data (i32.const 16) "abcdefgh")
            (data (i32.const 18) "XY")
            (data (i32.const 65535) "z")
            (data (global.get $base) "at the base")
            (data (i32.const 1001) "odd")
            (func $start
              (i32.store (i32.const 2000) (i32.load (i32.const 16)))
              (global.set $hidden (i32.add (global.get $hidden) (i32.const 1))))
            (start $start)
            (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0)))
            (func (export "hidden") (result i32)
              (i32.add (i32.shl (global.get $copy) (i32.const 8)) (global.get $hidden)))
            (func (export "bump") (global.set $g (i64.add (global.get $g) (i64.const -1)))))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        const uint32_t base = 0x321;
        static uint32_t word(uint32_t at) {
            return m_memory[at] | m_memory[at + 1] << 8 | m_memory[at + 2] << 16 | (uint32_t)m_memory[at + 3] << 24;
        }
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            /* By pointer, as what takes callbacks does: a symbol without its Thumb bit faults here. */
            void (*volatile init)(void) = m_init;
            show("before", word(16));
            init();
            show("data", word(16));
            show("more", word(20));
            show("start", word(2000));
            show("last", peek(65535));
            show("based", word(0x321));
            show("odd", word(1001));
            show("around", word(1004) + word(996));
            show("big", big);
            bump();
            show("bumped", big);
            big = 5;
            bump();
            show("set", big);
            show("fixed", fixed);
            show("hidden", hidden());
            return 0;
        }"#,
    prints: "before=0\ndata=59586261\nmore=68676665\nstart=59586261\nlast=7a\nbased=74207461\nodd=64646f\naround=0\n\
        big=1122334455667788\nbumped=1122334455667787\nset=4\nfixed=2a\nhidden=32104\n",
    traps: &[],
};

const TRAPS: Case = Case {
    name: "traps",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (memory 1)
            (func (export "never") unreachable)
            (func (export "unused") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
            (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
            (func (export "remainder64") (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
            (func (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
            (func (export "store") (param i32 i64) (i64.store (local.get 0) (local.get 1))))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        static volatile uint32_t a, b;
        static volatile uint64_t c;
        static void f_never(void) { never(); }
        static void f_divide(void) { a = divide(a, b); }
        static void f_remainder(void) { c = remainder64(c, c); }
        static void f_load(void) { b = load(a); }
        static void f_store(void) { store(a, 1); }
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            m_init();
            show("never", catch (f_never));
            a = 7, b = 0;
            show("zero", catch (f_divide));
            a = 0x80000000, b = 0xffffffff;
            show("overflow", catch (f_divide));
            a = 21, b = 7;
            show("fine", catch (f_divide));
            show("quotient", a);
            show("remainder", catch (f_remainder));
            a = 65532 - 4;
            show("last word", catch (f_load));
            a++;
            show("load", catch (f_load));
            a = 0xfffffffc;
            show("wrapped", catch (f_load));
            a = 65529;
            show("store", catch (f_store));
            show("untouched", m_memory[65529]);
            a = 65528;
            show("stored", catch (f_store));
            return 0;
        }"#,
    prints: "never=1\nzero=2\noverflow=3\nfine=0\nquotient=3\nremainder=2\nlast word=0\nload=4\nwrapped=4\nstore=4\n\
        untouched=0\nstored=0\n",
    traps: &[0x00, 0x6d, 0x6d, 0x82, 0x28, 0x28, 0x37],
};

const STACK: Case = Case {
    name: "stack",
    parts: &[Part {
        name: "deep",
        wat: r#"(module
            (func $down (export "down") (param i32) (result i32)
              (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
                (else (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1))))))))"#,
    }],
    c: r#"
        #include "deep.h"
        uint32_t deep_stack_limit;
        static volatile uint32_t n, result;
        static void f_down(void) { result = down(n); }
        int main(void) {
            /* Below the limit lies what must not change; above it is room for the exception that a trap is. */
            volatile uint32_t *below = stack_bottom;
            for (int i = 0; i < 1024; i++)
                below[i] = 0x5a5a5a5a;
            deep_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 4096 + 256;
            deep_init();
            n = 100;
            show("shallow", catch (f_down));
            show("sum", result);
            n = 1000000;
            show("deep", catch (f_down));
            n = 3;
            show("after", catch (f_down));
            uint32_t same = 0;
            for (int i = 0; i < 1024; i++)
                same += below[i] == 0x5a5a5a5a;
            show("same", same);
            return 0;
        }"#,
    prints: "shallow=0\nsum=13ba\ndeep=5\nafter=0\nsame=400\n",
    traps: &[0x00],
};

const GROW: Case = Case {
    name: "grow",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (memory 1 3)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "size") (result i32) (memory.size))
            (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1))))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        static volatile uint32_t at;
        static void f_poke(void) { poke(at, 0x12345678); }
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            m_init();
            at = 65536;
            show("early", catch (f_poke));
            show("pages", m_memory_pages);
            show("grown", grow(1));
            show("late", catch (f_poke));
            show("byte", m_memory[65537]);
            show("too far", grow(2));
            show("size", size());
            show("to the end", grow(1));
            show("no more", grow(0xffffffff));
            show("pages", m_memory_pages);
            return 0;
        }"#,
    prints: "early=4\npages=1\ngrown=1\nlate=0\nbyte=56\ntoo far=ffffffff\nsize=2\nto the end=2\nno more=ffffffff\npages=3\n",
    traps: &[0x36],
};

const TWO: Case = Case {
    name: "two",
    parts: &[
        Part {
            name: "one",
            wat: r#"(module
                (memory (export "memory") 1)
                (global $g (mut i32) (i32.const 1))
                (data (i32.const 0) "one")
                (func $shared (param i32) (result i32) (i32.add (local.get 0) (global.get $g)))
                (func (export "one_get") (param i32) (result i32)
                  (global.set $g (call $shared (i32.load8_u (local.get 0)))) (global.get $g)))"#,
        },
        Part {
            name: "two",
            wat: r#"(module
                (import "env" "one_get" (func $one (param i32) (result i32)))
                (memory (export "memory") 1)
                (global $g (mut i32) (i32.const 2))
                (data (i32.const 0) "two")
                (func $shared (param i32) (result i32) (i32.mul (local.get 0) (global.get $g)))
                (func (export "two_get") (param i32) (result i32)
                  (call $shared (i32.add (i32.load8_u (local.get 0)) (call $one (local.get 0))))))"#,
        },
    ],
    c: r#"
        #include "one.h"
        #include "two.h"
        uint32_t one_stack_limit, two_stack_limit;
        int main(void) {
            one_stack_limit = two_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            one_init();
            two_init();
            show("two", two_get(1));
            show("one", one_get(1));
            show("apart", one_memory[0] != two_memory[0]);
            return 0;
        }"#,
    prints: "two=1cc\none=dd\napart=1\n",
    traps: &[],
};

/// Two modules and the firmware share a table: references of each are called by all.
const SHARED: Case = Case {
    name: "shared",
    parts: &[
        Part {
            name: "a",
            wat: r#"(module
                (type $u (func (param i32) (result i32)))
                (type $m (func (param i32) (result i32 i64 i32 i32)))
                (import "env" "twice" (func $twice (type $u)))
                (table (export "t") 4 6 funcref)
                (elem (i32.const 0) $inc $many $twice)
                (func $inc (type $u) (i32.add (local.get 0) (i32.const 1)))
                (func $many (type $m)
                  (local.get 0) (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i32.const 3) (i32.const 4))
                (func (export "a_call") (param i32 i32) (result i32)
                  (call_indirect (type $u) (local.get 0) (local.get 1)))
                (func (export "a_grow") (param i32) (result i32) (table.grow (ref.func $inc) (local.get 0))))"#,
        },
        Part {
            name: "b",
            wat: r#"(module
                (type $m (func (param i32) (result i32 i64 i32 i32)))
                (type $u (func (param i32) (result i32)))
                (import "env" "t" (table 4 funcref))
                (func $dec (type $u) (i32.sub (local.get 0) (i32.const 1)))
                (elem declare func $dec)
                (func (export "b_call") (param i32 i32) (result i32)
                  (call_indirect (type $u) (local.get 0) (local.get 1)))
                (func (export "b_many") (param i32 i32) (result i64) (local $last i64)
                  (call_indirect (type $m) (local.get 0) (local.get 1))
                  (local.set $last (i64.extend_i32_u (i32.add)))
                  (local.set $last (i64.add (local.get $last)))
                  (i64.add (i64.extend_i32_u) (local.get $last)))
                (func (export "b_set") (param i32) (table.set (local.get 0) (ref.func $dec)))
                (func (export "b_size") (result i32) (table.size 0)))"#,
        },
    ],
    c: r#"
        #include "a.h"
        #include "b.h"
        uint32_t a_stack_limit, b_stack_limit;
        uint32_t twice(uint32_t x) { return 2 * x; }
        static void wrong(void) { a_call(1, 1); }
        static void null(void) { a_call(1, 3); }
        static void past(void) { a_call(1, 5); }
        int main(void) {
            a_stack_limit = b_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            a_init();
            b_init();
            show("null", catch (null));
            show("own", a_call(5, 0));
            show("import", a_call(5, 2));
            show("other", b_call(5, 0));
            show("other's import", b_call(5, 2));
            show("several", b_many(7, 1));
            b_set(3);
            show("set", a_call(5, 3));
            show("from C", ((uint32_t (*)(uint32_t))(uintptr_t)t[2 + 3])(9));
            show("grow", a_grow(1));
            show("size", b_size());
            show("grown", b_call(1, 4));
            show("wrong", catch (wrong));
            show("past", catch (past));
            stop();
        }"#,
    prints: "null=7\nown=6\nimport=a\nother=6\nother's import=a\nseveral=70000000e\nset=4\nfrom C=8\ngrow=4\nsize=5\ngrown=2\n\
             wrong=8\npast=6\n",
    traps: &[0x11, 0x11, 0x11],
};

/// A million tail calls, by name and by reference, with more words than the first caller has, use no stack.
const DEEP: Case = Case {
    name: "deep",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (type $six (func (param i32 i32 i32 i32 i32 i32) (result i32 i32 i32 i32 i32)))
            (table 1 1 funcref) (elem (i32.const 0) $odd)
            (func $even (param i32 i32) (result i32 i32 i32 i32 i32)
              (if (i32.eqz (local.get 0))
                (then (return (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (local.get 1))))
              (return_call_indirect (type $six) (i32.sub (local.get 0) (i32.const 1))
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (local.get 1) (i32.const 0)))
            (func $odd (type $six)
              (return_call $even (i32.sub (local.get 0) (local.get 4)) (i32.add (local.get 5) (local.get 4))))
            (func (export "deep") (param i32) (result i32)
              (call $even (local.get 0) (i32.const 0))
              (drop) (drop) (drop) (drop))
            (func (export "last") (param i32) (result i32) (local $last i32)
              (call $even (local.get 0) (i32.const 0))
              (local.set $last) (drop) (drop) (drop) (drop) (local.get $last)))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        int main(void) {
            uint32_t here;
            m_stack_limit = (uint32_t)(uintptr_t)&here - 1024;
            m_init();
            show("first", deep(1000000));
            show("last", last(1000000));
            stop();
        }"#,
    prints: "first=1\nlast=7a120\n",
    traps: &[],
};

/// Handles of the host and references to functions go wherever values go.
const HANDLES: Case = Case {
    name: "handles",
    parts: &[Part {
        name: "m",
        wat: r#"(module
            (type $u (func (param i32) (result i32)))
            (import "env" "swap" (func $swap (param externref i32) (result externref)))
            (import "env" "given" (global $given externref))
            (table $h (export "h") 2 4 externref)
            (table $f 1 1 funcref)
            (global $kept (export "kept") (mut externref) (ref.null extern))
            (global $f (mut funcref) (ref.func $inc))
            (elem $again (ref null func) (ref.func $dec) (ref.null func))
            (func $inc (type $u) (i32.add (local.get 0) (i32.const 1)))
            (func $dec (type $u) (i32.sub (local.get 0) (i32.const 1)))
            (func $choose (param i32) (result funcref)
              (block (result funcref)
                (br_if 0 (ref.func $dec) (local.get 0))
                (drop) (global.get $f)))
            (func (export "keep") (param externref i32) (result externref) (local $l externref)
              (local.set $l (select (result externref) (local.get 0) (global.get $given) (local.get 1)))
              (global.set $kept (local.get $l))
              (table.set $h (i32.const 1) (local.get $l))
              (call $swap (local.get $l) (i32.const 3)))
            (func (export "known") (param externref) (result i32)
              (if (result i32) (ref.is_null (local.get 0)) (then (i32.const 0))
                (else (i32.add (table.grow $h (local.get 0) (i32.const 2)) (i32.const 10)))))
            (func (export "apply") (param i32 i32) (result i32)
              (table.set $f (i32.const 0) (call $choose (local.get 0)))
              (call_indirect $f (type $u) (local.get 1) (i32.const 0)))
            (func (export "again") (param i32) (result i32)
              (table.init $f $again (i32.const 0) (local.get 0) (i32.const 1))
              (elem.drop $again)
              (call_indirect $f (type $u) (i32.const 5) (i32.const 0))))"#,
    }],
    c: r#"
        #include "m.h"
        uint32_t m_stack_limit;
        const uint32_t given = 0x600df00d;
        uint32_t swap(uint32_t handle, uint32_t by) { return handle + by; }
        static void twice(void) { again(0); }
        int main(void) {
            m_stack_limit = (uint32_t)(uintptr_t)stack_bottom + 256;
            m_init();
            show("first", h[2 + 1]);
            show("keep", keep(0xdeadbee0, 1));
            show("kept", kept);
            show("entry", h[2 + 1]);
            show("given", keep(7, 0));
            show("null", known(0));
            show("grown", known(0xffffffff));
            show("size", h[0]);
            show("last", h[2 + 3]);
            show("full", known(1));
            show("decrement", apply(1, 9));
            show("increment", apply(0, 9));
            show("segment", again(0));
            show("dropped", catch (twice));
            stop();
        }"#,
    prints: "first=0\nkeep=deadbee3\nkept=deadbee0\nentry=deadbee0\ngiven=600df010\nnull=0\ngrown=c\nsize=4\nlast=ffffffff\nfull=9\n\
             decrement=8\nincrement=a\nsegment=4\ndropped=9\n",
    traps: &[0xfc],
};
