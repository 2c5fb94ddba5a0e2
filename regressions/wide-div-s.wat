;; found-by: hunt ops
;; guilty: wide: 64-bit shifts
;; options: cortex-m4 -O0 none choices=bytes:29518e7d9738b04ce6e195862c
(module
  (type (;0;) (func (param i32 i64 i32 i64) (result i64)))
  (export "f8" (func 0))
  (func (;0;) (type 0) (param i32 i64 i32 i64) (result i64)
    local.get 1
    local.get 3
    i64.div_s
  )
)
;; call f8 0x0 0xfffffbff 0x0 0x9cde40f7cfb16cb3 => 0x0
