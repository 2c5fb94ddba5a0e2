/* The least that a Cortex-M needs to run a test: vectors, output by semihosting, traps that can be caught, its FPU if the
 * compiler has one. */
#include <stdint.h>

int main(void);

extern uint32_t data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[], stack_bottom[];

static int semihost(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void print(const char *text) { semihost(0x04, text); }

void print_hex(uint64_t value) {
    char text[19];
    char *at = text + sizeof text - 1;
    *at = 0;
    do {
        *--at = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    print(at);
}

/* Prints `name=value`. */
void show(const char *name, uint64_t value) {
    print(name);
    print("=");
    print_hex(value);
    print("\n");
}

__attribute__((noreturn)) void stop(void) {
    for (;;)
        semihost(0x18, (const void *)0x20026);
}

/* The stack pointer in `catch`, to which a trap returns; 0 where none is expected. */
uint32_t catch_sp;

#ifdef __ARM_FP
/* What a call preserves of the FPU. */
#define SAVE "vpush {d8-d15}\n"
#define RESTORE "vpop {d8-d15}\n"

/* Access for all code; every NaN that arithmetic gives is the default one, in contexts to come too (Arm v7-M manual, B3.2.20
 * and B3.2.23). */
static void start_fpu(void) {
    *(volatile uint32_t *)0xe000ed88 |= 0xf << 20;
    *(volatile uint32_t *)0xe000ef3c = 1 << 25;
    __asm__ volatile("dsb\n isb\n vmsr fpscr, %0" : : "r"(1 << 25) : "memory");
}
#else
#define SAVE ""
#define RESTORE ""
static void start_fpu(void) {}
#endif

/* Calls `f`; the code of the trap that ended it, or 0. */
__attribute__((naked)) uint32_t catch (__attribute__((unused)) void (*f)(void)) {
    __asm__ volatile("push {r3-r11, lr}\n" SAVE
                     "ldr r1, =catch_sp\n"
                     "str sp, [r1]\n"
                     "blx r0\n"
                     "movs r0, #0\n"
                     "ldr r1, =catch_sp\n"
                     "str r0, [r1]\n" RESTORE
                     "pop {r3-r11, pc}\n"
                     ".ltorg\n");
}

__attribute__((naked)) void caught(void) {
    __asm__ volatile("ldr r1, =catch_sp\n"
                     "ldr sp, [r1]\n"
                     "movs r2, #0\n"
                     "str r2, [r1]\n" RESTORE
                     "pop {r3-r11, pc}\n"
                     ".ltorg\n");
}

/* The frame: r0-r3, r12, lr, pc, xpsr (Arm v7-M manual, B1.5.6). */
__attribute__((used)) void fault_at(uint32_t *frame) {
    uint32_t pc = frame[6] & ~1u;
    uint16_t instruction = *(const uint16_t *)pc;
    if (catch_sp == 0 || (instruction & 0xff00) != 0xde00) {
        show("fault at", pc);
        stop();
    }
    print("trap at=");
    print_hex(pc);
    print("\n");
    frame[0] = instruction & 0xff;
    frame[6] = (uint32_t)(uintptr_t)caught & ~1u;
    frame[7] &= ~0x0600fc00u; /* The trap may stand in an IT block. */
}

__attribute__((naked)) void fault(void) {
    __asm__ volatile("mov r0, sp\n"
                     "b fault_at\n");
}

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
    for (__SIZE_TYPE__ i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int value, __SIZE_TYPE__ n) {
    for (__SIZE_TYPE__ i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}

__attribute__((noreturn)) void reset(void) {
    start_fpu();
    for (uint32_t *to = data_start, *from = data_load; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    main();
    stop();
}

__attribute__((used, section(".vectors"))) const void *const vectors[16] = {
    stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
