;; found-by: hunt rules
;; guilty: select-min-s-above (rewrite 1 of 1)
;; options: cortex-m33 -O3 check choices=heuristic
(module
  (type (;0;) (func (param i64 i64 i64 i32) (result i64)))
  (export "f0" (func 0))
  (func (;0;) (type 0) (param i64 i64 i64 i32) (result i64)
    i64.const 0
    local.get 0
    i64.const 4294967295
    local.get 0
    i64.lt_s
    select
  )
)
;; call f0 0x1 0x0 0x0 0x0 => 0x1
