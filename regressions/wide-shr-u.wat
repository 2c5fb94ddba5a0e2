;; found-by: hunt ops
;; guilty: wide: 64-bit shifts
;; options: cortex-m7 -O2 mask choices=heuristic
(module
  (type (;0;) (func (param i32 i64 i32 i64) (result i64)))
  (export "f7" (func 0))
  (func (;0;) (type 0) (param i32 i64 i32 i64) (result i64)
    local.get 3
    local.get 1
    i64.shr_u
  )
)
;; call f7 0x0 0x0 0x0 0x1 => 0x1
