;; found-by: hunt smith
;; guilty: wide: 64-bit shifts
;; options: cortex-m4 -O3 mpu choices=bytes:caecf125daddc489ae32447a777b3942528a671edd620243f0b81cb50ec10cd9311ea8081ce8beb85079bd0c6bcb55147fda5b
(module
  (type (;0;) (func (result i32 i32 i64 i64 i64 i32 i32)))
  (type (;1;) (func (result i32 i32)))
  (type (;2;) (func (param i64) (result i32 i64)))
  (memory (;0;) 1 1)
  (export "e7" (func 1))
  (func (;0;) (type 0) (result i32 i32 i64 i64 i64 i32 i32)
    unreachable
  )
  (func (;1;) (type 2) (param i64) (result i32 i64)
    (local i32 i64)
    i64.const 0
    i64.const 0
    local.get 0
    local.get 0
    i64.shr_u
    local.set 2
    i32.const 0
    if ;; label = @1
    else
      i32.const 0
      if ;; label = @2
      else
        i32.const 0
        local.get 2
        i64.store16 offset=54095 align=1
      end
    end
    drop
    drop
    i32.const 0
    i64.const 0
  )
)
;; call e7 0x7174f383746c8b68 => 0x0 0x0
