;; found-by: hunt ops
;; guilty: wide: 64-bit shifts
;; options: cortex-m4 -Oz mask choices=heuristic
(module
  (type (;0;) (func (param i64 i32 i32 i64) (result i64)))
  (export "f20" (func 0))
  (func (;0;) (type 0) (param i64 i32 i32 i64) (result i64)
    local.get 3
    local.get 3
    i64.rem_s
  )
)
;; call f20 0x0 0x0 0x0 0xf3b0124b5912fd2d => 0x0
