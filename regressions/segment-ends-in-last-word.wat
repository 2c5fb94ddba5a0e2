;; found-by: hunt memory
;; guilty: object: memory's contents are copied in whole words, and the last one of a memory of single bytes is not all its own
;; options: cortex-m3 -O2 check choices=heuristic
(module
  (memory 1)
  (memory 255 255 (pagesize 1))
  (data (memory 1) (i32.const 235) "0123456789abcdefgh")
  (func (export "f") (param i32) (result i32)
    local.get 0
    i32.load8_u 1))
;; call f 0xfc => 0x68
