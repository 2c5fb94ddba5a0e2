/* Runs a batch of scripts on a Cortex-M board and writes down what happened.
 *
 * In: the file `batch.in`, by semihosting: for each case its image and a list of segments. A segment is what the world does
 * to memory, then a whole register file; it runs until the core raises an exception. Out: `batch.out`: for each segment
 * the exception, the register file, and hashes of memory. Nothing here knows a calling standard, an import or a
 * trap: the host wrote the register files, and reads them. Programs run unprivileged under the MPU, with regions for
 * nothing but themselves; faults end at `fault`. Formats and numbers are those of batch.rs, which gives them by -D. */

#include <stddef.h>
#include <stdint.h>

typedef uint32_t word;

/* What the host says of a case, in the order of `encode` in batch.rs. */
struct header {
    word magic, code_size, ram_size, linear_size, linear_data, segments, every, dump, fpu;
    word code, ram, linear, stack, stack_top;
    word regions[5][2]; /* RBAR without the number, RASR; 0 where there is none. */
};

/* One register file: r0-r12, SP, LR, PC, xPSR; then where the caller's part of the stack begins. For programs with an FPU
 * its registers are behind it; else the script has no words for them. */
struct registers {
    word r[13], sp, lr, pc, xpsr, caller;
    word s[32], fpscr;
};

/* What is known after a segment; s0-s31 for programs with an FPU only. */
struct saw {
    word exception, status;
    word r[13], sp, lr, pc;
    word small, large;
    word s[32];
};

#define AT(address) (*(volatile word *)(address))
#define CFSR AT(0xe000ed28)
#define HFSR AT(0xe000ed2c)
#define CPACR AT(0xe000ed88)
#define FPCCR AT(0xe000ef34)
/* MMFSR.MSTKERR and BFSR.STKERR: the frame of the exception could not be written. */
#define NO_FRAME 0x1010u
/* BKPT 0xAB operations (Arm semihosting, 6). */
enum { OPEN = 1, WRITE0 = 4, WRITE = 5, READ = 6, EXIT = 0x18 };

static struct header head;
static word saws[SAWS * sizeof(struct saw) / 4];
static word input, output;

/* What `fault` saves: r4-r11, PSP, exception number. */
word saved[10];
/* Reloads of SysTick that a segment may still take. */
volatile word ticks;

static word semihost(word operation, const void *argument) {
    register word r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

__attribute__((noreturn)) static void leave(word reason) {
    for (;;)
        semihost(EXIT, (const void *)reason);
}

__attribute__((noreturn)) void broken(const char *why) {
    semihost(WRITE0, why);
    leave(0x20023); /* ADP_Stopped_RunTimeErrorUnknown */
}

__attribute__((noreturn, used)) void driver_fault(void) { broken("the driver itself faulted\n"); }

static word open(const char *name, word length, word mode) {
    word block[3] = {(word)name, mode, length};
    word handle = semihost(OPEN, block);
    if (handle == (word)-1)
        broken("a file of the batch cannot be opened\n");
    return handle;
}

/* Reads exactly `size` bytes; 0 at the end of the file. */
static int take(word to, word size) {
    word block[3] = {input, to, size};
    word left = size ? semihost(READ, block) : 0;
    if (left != 0 && left != size)
        broken("the batch ends inside a case\n");
    return left == 0;
}

/* Reads what must follow, to where it belongs. */
static void need(void *to, word size) {
    if (!take((word)to, size))
        broken("the batch ends inside a case\n");
}

static void give(word from, word size) {
    word block[3] = {output, from, size};
    if (size && semihost(WRITE, block) != 0)
        broken("the results cannot be written\n");
}

static void clear(word at, word size) {
    for (word end = at + size; at != end; at += 4)
        AT(at) = 0;
}

/* Every word of a range; each step is a bijection of the state, so one word that differs always shows. */
static word hash(word h, word at, word end) {
    for (; at != end; at += 4)
        h = ((h << 5 | h >> 27) ^ *(const word *)at) * 0x9e3779b9u;
    return h;
}

/* Enters thread mode by an exception return; comes back through `fault`. */
__attribute__((naked)) static void enter(__attribute__((unused)) const word *r4) {
    __asm__ volatile("push {r3-r11, lr}\n svc 0\n pop {r3-r11, pc}");
}

/* Leaves r4-r11 and the process stack as the segment wants them (Arm v7-M manual, B1.5.8). */
__attribute__((naked)) void svc(void) {
    __asm__ volatile("tst lr, #4\n bne fault\n"
                     "ldr r0, [sp]\n"
                     "ldmia r0!, {r4-r11}\n"
                     "ldr r1, [r0]\n msr psp, r1\n"
                     "movs r1, #1\n msr control, r1\n isb\n"
                     "mvn lr, #2\n bx lr");
}

/* Any exception of a program: back to after the SVC, on the main stack. */
__attribute__((naked)) void fault(void) {
    __asm__ volatile("tst lr, #4\n beq driver_fault\n"
                     "ldr r0, =saved\n stmia r0!, {r4-r11}\n"
                     "mrs r1, psp\n mrs r2, ipsr\n stmia r0!, {r1, r2}\n"
                     "movs r1, #0\n msr control, r1\n isb\n"
                     "mvn lr, #6\n bx lr\n .ltorg");
}

/* s0-s31 and FPSCR from 33 words. */
__attribute__((naked)) static void load_fpu(__attribute__((unused)) const word *from) {
    __asm__ volatile(".fpu fpv4-sp-d16\n vldmia r0!, {s0-s31}\n ldr r0, [r0]\n vmsr fpscr, r0\n bx lr");
}

/* s0-s31 to 32 words. */
__attribute__((naked)) static void store_fpu(__attribute__((unused)) word *to) {
    __asm__ volatile(".fpu fpv4-sp-d16\n vstmia r0, {s0-s31}\n bx lr");
}

/* Counts down, so that no program runs for ever. */
__attribute__((naked)) void systick(void) {
    __asm__ volatile("tst lr, #4\n beq 1f\n"
                     "ldr r0, =ticks\n ldr r1, [r0]\n subs r1, #1\n str r1, [r0]\n beq fault\n"
                     "1: bx lr\n .ltorg");
}

static void run(const struct registers *in, struct saw *out) {
    word *frame = (word *)((in->sp - 32) & ~7u);
    for (int i = 0; i < 4; i++)
        frame[i] = in->r[i];
    frame[4] = in->r[12];
    frame[5] = in->lr;
    frame[6] = in->pc;
    /* Bit 9: the frame was aligned by a word (B1.5.7). */
    frame[7] = in->xpsr | (in->sp & 4) << 7;
    word start[9];
    for (int i = 0; i < 8; i++)
        start[i] = in->r[4 + i];
    start[8] = (word)frame;
    ticks = TICKS;
    __asm__ volatile("" ::: "memory");
    if (head.fpu)
        load_fpu(in->s);
    enter(start);
    if (head.fpu)
        store_fpu(out->s);
    __asm__ volatile("" ::: "memory");
    out->exception = saved[9];
    out->status = CFSR;
    CFSR = out->status;
    HFSR = HFSR;
    const word *back = (const word *)saved[8];
    int framed = !(out->status & NO_FRAME);
    for (int i = 0; i < 13; i++)
        out->r[i] = i >= 4 && i < 12 ? saved[i - 4] : !framed ? 0 : i < 4 ? back[i] : back[4];
    out->lr = framed ? back[5] : 0;
    out->pc = framed ? back[6] : 0;
    out->sp = saved[8] + 32 + (framed ? back[7] >> 7 & 4 : 0);
}

/* Lets programs use the FPU, or not, whether the core has one or not (Arm v7-M manual, B3.2.20). Exceptions leave its
 * registers alone (B3.2.21, ASPEN and LSPEN): their frames are those of a core without an FPU, and what a program leaves in
 * registers is still there. */
static void fpu(void) {
    CPACR = head.fpu ? 0xf << 20 : 0;
    if (head.fpu)
        FPCCR = 0;
    __asm__ volatile("dsb\n isb" ::: "memory");
}

static void regions(void) {
    AT(0xe000ed94) = 0;
    for (word i = 0; i < 5; i++) {
        AT(0xe000ed98) = i;
        AT(0xe000ed9c) = head.regions[i][0];
        AT(0xe000eda0) = head.regions[i][1];
    }
    /* PRIVDEFENA: the driver sees everything, a program only its regions (B3.5.5). */
    AT(0xe000ed94) = 5;
    __asm__ volatile("dsb\n isb" ::: "memory");
}

/* Where the stack in use begins, if SP is on the stack at all. */
static word stack_from(word sp) {
    return sp >= head.stack && sp <= head.stack_top && !(sp & 3) ? sp : head.stack_top;
}

static void dump(word sp) {
    give(head.ram, head.ram_size);
    give(head.linear, head.linear_size);
    give(stack_from(sp), head.stack_top - stack_from(sp));
    give(head.stack, GUARD);
}

static void one_case(void) {
    if (head.magic != MAGIC)
        broken("the batch is not in the format of this driver\n");
    clear(head.linear, head.linear_size);
    need((void *)head.code, head.code_size);
    need((void *)head.ram, head.ram_size);
    need((void *)head.linear, head.linear_data);
    regions();
    fpu();
    word filled = 0;
    word size = (head.fpu ? sizeof(struct saw) : offsetof(struct saw, s)) / 4;
    for (word n = 0; n < head.segments; n++) {
        struct registers in;
        word patches;
        need(&in, head.fpu ? sizeof in : offsetof(struct registers, s));
        need(&patches, 4);
        for (; patches; patches--) {
            word patch[2]; /* address, bytes */
            need(patch, sizeof patch);
            need((void *)patch[0], patch[1]);
        }
        struct saw *out = (struct saw *)&saws[filled++ * size];
        run(&in, out);
        out->small = hash(hash(0, head.ram, head.ram + head.ram_size), in.caller, head.stack_top);
        out->large = 0;
        if ((n + 1) % head.every == 0 || n + 1 == head.segments)
            out->large = hash(hash(0, head.linear, head.linear + head.linear_size), head.stack, head.stack + GUARD);
        if (filled == SAWS || n == head.dump || n + 1 == head.segments) {
            give((word)saws, filled * size * 4);
            filled = 0;
        }
        if (n == head.dump)
            dump(out->sp);
    }
}

__attribute__((used)) void reset(void) {
    AT(0xe000ed24) = 7 << 16; /* SHCSR: faults have handlers of their own. */
    AT(0xe000e014) = 0xffffff;
    AT(0xe000e018) = 0;
    AT(0xe000e010) = 7;
    input = open("batch.in", 8, 1);   /* rb */
    output = open("batch.out", 9, 5); /* wb */
    while (take((word)&head, sizeof head))
        one_case();
    leave(0x20026); /* ADP_Stopped_ApplicationExit */
}

extern word stack_top[];

/* Exceptions 0-15 (Arm v7-M manual, B1.5.2). */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, svc, fault, 0, fault, systick,
};
