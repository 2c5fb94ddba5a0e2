;; found-by: hunt rules
;; guilty: select-max-s-below (rewrite 1 of 1)
;; options: cortex-m4 -O1 check choices=heuristic
(module
  (type (;0;) (func (param i64 i64 i64 i32) (result i64)))
  (export "f6" (func 0))
  (func (;0;) (type 0) (param i64 i64 i64 i32) (result i64)
    i64.const 4398046380030
    local.get 0
    local.get 0
    i64.const 4398046380031
    i64.lt_s
    select
  )
)
;; call f6 0x0 0x0 0x0 0x0 => 0x3fffffdfffe
