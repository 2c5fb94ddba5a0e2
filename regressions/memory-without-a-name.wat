;; found-by: hunt object
;; guilty: decode: names of what is no symbol
;; options: cortex-m3 -Os none choices=heuristic
(module
  (memory 1)
  (export "" (memory 0))
  (export "a\00b" (memory 0))
  (func (export "f") (param i32) (result i32)
    local.get 0
    i32.load8_u offset=7))
;; call f 0x1 => 0x0
