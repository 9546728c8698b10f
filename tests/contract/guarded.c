/* Random images for contract/native.c, each buffer at the edge of memory that may not be touched.
 *
 * Built with checks for undefined behaviour, so whatever reads or writes beyond its bounds ends the program by a signal.
 * Prints how many pictures were placed, how many images were blank, and how many were left to Python.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../contract/native.c"

static int below(int limit) { return rand() % limit; }

/* `size` bytes, with a page behind them that nobody may touch; before them, if `size` fills whole pages. */
static grey *guarded(size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page + 2;
    grey *start = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) exit(2);
    mprotect(start, page, PROT_NONE);
    mprotect(start + (pages - 1) * page, page, PROT_NONE);
    return start + (pages - 1) * page - size;
}

static void release(grey *buffer, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page + 2;
    munmap(buffer + size - (pages - 1) * page, pages * page);
}

static void draw(grey *image, int height, int width) {
    for (int strokes = 1 + below(6); strokes > 0; strokes--) {
        int top = below(height), left = below(width), level = 1 + below(255), noisy = !below(5);
        int tall = below(3) ? 1 + below(height) : 1, broad = below(3) ? 1 + below(width) : 1;
        for (int y = top; y < at_most(height, top + tall); y++)
            for (int x = left; x < at_most(width, left + broad); x++)
                image[y * width + x] = (grey)(noisy ? below(256) : level);
    }
}

static int normalised(void) {
    static const int sides[] = {8, 30, 100, 700};
    int height = 1 + below(sides[below(4)]), width = 1 + below(sides[below(4)]);
    size_t area = (size_t)height * width;
    grey *image = guarded(area), *placed = guarded(SIZE * SIZE);
    draw(image, height, width);
    int paper = below(2) ? 255 : 0;
    if (!below(50)) memset(image, 0, area);
    if (paper) for (size_t i = 0; i < area; i++) image[i] = 255 - image[i];
    int outcome = digits_normalise(image, height, width, placed);
    if (!paper) outcome = digits_place(image, height, width, placed);
    release(image, area);
    release(placed, SIZE * SIZE);
    return outcome;
}

static void unfiltered(void) {
    int height = 1 + below(30), step = 1 + below(4), stride = step * (1 + below(40));
    size_t packed = (size_t)height * (stride + 1), area = (size_t)height * stride;
    grey *rows = guarded(packed), *pixels = guarded(area);
    for (size_t i = 0; i < packed; i++) rows[i] = (grey)below(256);
    for (int y = 0; y < height; y++) rows[y * (stride + 1)] = (grey)below(below(9) ? 5 : 256);
    digits_unfilter(rows, height, stride, step, pixels);
    grey *placed = guarded(SIZE * SIZE);
    digits_png(rows, height, stride, placed);
    release(placed, SIZE * SIZE);
    release(rows, packed);
    release(pixels, area);
}

int main(int count, char **arguments) {
    int outcomes[3] = {0};
    srand(1);
    for (int round = count > 1 ? atoi(arguments[1]) : 1000; round > 0; round--) {
        outcomes[normalised()]++;
        unfiltered();
    }
    printf("%d %d %d\n", outcomes[DONE], outcomes[BLANK], outcomes[NOT_HERE]);
}
