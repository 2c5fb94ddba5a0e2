;; found-by: hunt rules
;; guilty: ranges: the last step of a 64-bit counter
;; options: cortex-m3 -O2 check choices=heuristic
(module
  (type (;0;) (func (result i32)))
  (global (;0;) (mut i32) i32.const 0)
  (export "f10" (func 0))
  (func (;0;) (type 0) (result i32)
    (local i64 i32)
    i64.const -4
    local.set 0
    i32.const 3
    local.set 1
    block ;; label = @1
      loop ;; label = @2
        local.get 1
        i32.const -1
        i32.add
        local.tee 1
        i32.eqz
        br_if 1 (;@1;)
        local.get 0
        i64.eqz
        global.set 0
        local.get 0
        local.get 0
        i64.const 1
        i64.add
        i64.const 3
        i64.add
        local.set 0
        i64.const -1
        i64.lt_u
        br_if 0 (;@2;)
      end
    end
    global.get 0
  )
)
;; call f10 => 0x1
