;; found-by: hunt rules
;; guilty: select-max-s-const (rewrite 1 of 1)
;; options: cortex-m33 -O2 check choices=bytes:fa5a1a3184a8e79e37d515748c487903ada7011157219e7d3fe55659d69e1c1dd3f32ec10cfadd3bbf0e5f4ebfba213dc511c56fe837bdba28cfa20a298e19
(module
  (type (;0;) (func (param i64 i64 i64 i32) (result i64)))
  (export "f12" (func 0))
  (func (;0;) (type 0) (param i64 i64 i64 i32) (result i64)
    local.get 0
    i64.const 4294967296
    i64.const 4294967295
    local.get 0
    i64.lt_s
    select
  )
)
;; call f12 0x0 0x0 0x0 0x0 => 0x100000000
