/* The inner part of contract/normalisation.py, to the last bit, and the filters of PNG: what costs Python most.
 *
 * Buffers are of the sizes that the functions at the end name; images have at least one pixel. Floating-point
 * arithmetic is in the order in which Pillow and numpy do it, where it matters; compile without contraction to fused
 * operations.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIZE = 28,                  /* the network's input */
    DIGIT = 20,                 /* the digit's longer side in it */
    GRID = 80,                  /* the same while strokes are measured and thickened */
    MIN_PEN = 8,                /* of the grid; thinner strokes are thickened */
    ROUNDS = MIN_PEN / 2,       /* by so many pixels a side at most */
    WIDEST = GRID + 2 * ROUNDS, /* longer side then */
    LARGEST = 8 * GRID,         /* larger crops are left to Pillow, which reduces them first */
    LONGEST = 1 << 15,          /* and so are images with longer sides */
    SAMPLED = 2000,             /* of longer borders Python looks at some places only */
    COARSE = 24,                /* up to this side a digit may fill the image */
    SMALLEST = 48,              /* side of the smallest image in which a box is looked for */
    EIGHT = 8,                  /* pixels that are looked at in one go */
    LARGE = 36,                 /* hundredths of an image's sides that a box has */
    SPAN = 84,                  /* hundredths of its longest row that nearly all of its rows have */
    ROWS = 88,                  /* hundredths that are nearly all */
    FAR = 24,                   /* levels from the paper: of what may lie within a rim */
    FEWEST = 4,                 /* places at which a coarse image changes, whose pixels were repeated */
    MIN_CONTRAST = 10,          /* between paper and ink, levels */
    TALLEST = 16,               /* rows that are averaged to one, at most, and more */
    FIVE = 5,                   /* of them where an image is enlarged, at most */
    FIXED = 22,                 /* bits behind the point in Pillow's weights for 8-bit images */
    CELLS = 640,                /* up to this side contract/emphasis.py looks at every pixel */
    RUNS = 1 << 20,             /* pixels side by side, at most, in all rows of an image */
    BEGUN = 1 << 16,            /* pieces that are begun in it, at most */
    PIECES = 4096,              /* that are there in the end: more are noise */
};
static const double SPECK = 0.005, DUST = 0.1, MARK = 0.3, NEAR = 0.5, FLAT = 0.25, WIDE = 0.3, MUCH = 0.25,
                    TALL = 0.5, PI = 3.14159265358979323846;

enum { DONE, BLANK, NOT_HERE };

typedef uint8_t grey;

typedef struct {
    int height, width;
    grey pixels[WIDEST * WIDEST + 8]; /* the last eight are of nobody */
} Grid;

typedef struct {
    int first, after;
} Extent;

typedef struct {
    Extent down, across;
} Box;

/* A part of an image whose ink is to be read: a pixel p has max(0, (p ^ flip) - paper) levels of it. */
typedef struct {
    const grey *pixels;
    int height, width;
    size_t stride;
    grey flip, paper;
    const Extent *inked; /* of each row all ink lies there, counted from `left` pixels before it */
    int left;
} Sheet;

static int at_most(int a, int b) { return a < b ? a : b; }
static int at_least(int a, int b) { return a > b ? a : b; }
static grey lighter(grey a, grey b) { return a > b ? a : b; }

static const grey *row_of(const Sheet *sheet, int y) { return sheet->pixels + sheet->stride * y; }

static int ink_of(const Sheet *sheet, grey pixel) { return at_least(0, (pixel ^ sheet->flip) - sheet->paper); }

/* Of light ink on black paper. */
static Sheet sheet_of(const grey *pixels, int height, int width, const Extent *inked) {
    return (Sheet){pixels, height, width, (size_t)width, 0, 0, inked, 0};
}

static int darkest(const Sheet *sheet) {
    grey most = 0;
    for (int y = 0; y < sheet->height && most < 255; y++) {
        const grey *row = row_of(sheet, y);
        grey flip = sheet->flip, here = 0;
        for (int x = 0; x < sheet->width; x++) here = (row[x] ^ flip) > here ? row[x] ^ flip : here;
        most = lighter(most, here);
    }
    return at_least(0, most - sheet->paper);
}

static Sheet part_of(const Sheet *sheet, int top, int left, int height, int width) {
    Sheet part = *sheet;
    part.pixels = row_of(sheet, top) + left;
    part.height = height;
    part.width = width;
    part.inked += top;
    part.left += left;
    return part;
}

static int eight_are(const grey *pixels, uint64_t eight) {
    uint64_t found;
    memcpy(&found, pixels, sizeof found);
    return found == eight;
}

/* Where a row is not blank, to eight pixels. */
static Extent without_margins(const grey *row, int width, grey blank) {
    int begin = 0, end = width;
    uint64_t eight = blank * 0x0101010101010101u;
    while (begin + 8 <= end && eight_are(row + begin, eight)) begin += 8;
    while (end - 8 >= begin && eight_are(row + end - 8, eight)) end -= 8;
    return (Extent){begin, end};
}

static void find_ink(const Sheet *sheet, Extent *inked) {
    for (int y = 0; y < sheet->height; y++)
        inked[y] = without_margins(row_of(sheet, y), sheet->width, sheet->paper ^ sheet->flip);
}

static Extent inked_of(const Sheet *sheet, int y) {
    Extent found = sheet->inked[y];
    return (Extent){at_least(0, found.first - sheet->left), at_most(sheet->width, found.after - sheet->left)};
}

/* ---- bounding box: `bounds` ---- */

static Extent extent(const uint32_t *profile, int length) {
    uint64_t all = 0, mass = 0;
    for (int i = 0; i < length; i++) all += profile[i];
    double low = SPECK * (double)all, high = (1 - SPECK) * (double)all;
    Extent found = {-1, length};
    for (int i = 0; i < length; i++) {
        mass += profile[i];
        if (found.first < 0 && (double)mass > low) found.first = i;
        if ((double)mass >= high) {
            found.after = i + 1;
            break;
        }
    }
    return found;
}

/* Sixteen pixels at a time (gcc and clang have such types on all machines); their counters are emptied before they
 * overflow. */
typedef grey Lanes __attribute__((vector_size(16)));

static Lanes sixteen(const grey *pixels) {
    Lanes found;
    memcpy(&found, pixels, sizeof found);
    return found;
}

static uint32_t sum_of(Lanes lanes) {
    const uint64_t odd = 0x00FF00FF00FF00FFu, each = 0x0001000100010001u;
    uint64_t halves[2];
    memcpy(halves, &lanes, sizeof halves);
    uint32_t sum = 0;
    for (int i = 0; i < 2; i++) sum += (uint32_t)(((halves[i] & odd) + (halves[i] >> 8 & odd)) * each >> 48);
    return sum;
}

static uint32_t count_row(const grey *row, Extent inked, grey flip, grey above) {
    enum { MOST = 255 * sizeof(Lanes) };
    uint32_t count = 0;
    for (int begin = inked.first; begin < inked.after; begin += MOST) {
        int end = at_most(begin + MOST, inked.after), x = begin;
        Lanes lanes = {0};
        for (; x + (int)sizeof lanes <= end; x += sizeof lanes) lanes -= (Lanes)((sixteen(row + x) ^ flip) > above);
        for (; x < end; x++) count += (row[x] ^ flip) > above;
        count += sum_of(lanes);
    }
    return count;
}

/* How many pixels of each row have more ink than `above`. */
static void count_rows(const Sheet *sheet, int above, uint32_t *rows) {
    for (int y = 0; y < sheet->height; y++)
        rows[y] = count_row(row_of(sheet, y), inked_of(sheet, y), sheet->flip, (grey)(sheet->paper + above));
}

/* Whether they are but specks beside what else is on the sheet: `_without_grains` looks at that. */
static int are_grains(const Sheet *sheet, const uint32_t *rows) {
    uint64_t dark = 0, inked = 0, marks = 0;
    for (int y = 0; y < sheet->height; y++) {
        Extent ink = inked_of(sheet, y);
        dark += rows[y];
        inked += (uint64_t)at_least(0, ink.after - ink.first);
    }
    if ((double)dark > SPECK * (double)inked) return 0;
    grey pale = (grey)(sheet->paper + MIN_CONTRAST - 1);
    for (int y = 0; y < sheet->height; y++) marks += count_row(row_of(sheet, y), inked_of(sheet, y), sheet->flip, pale);
    return (double)dark <= SPECK * (double)marks;
}

/* How many of each column have, of the rows in `down`. */
static void count_columns(const Sheet *sheet, int above, Extent down, grey *lanes, uint32_t *columns) {
    int width = sheet->width;
    grey flip = sheet->flip, most = (grey)(sheet->paper + above);
    memset(columns, 0, sizeof *columns * (size_t)width);
    for (int y = down.first; y < down.after; y += 255) {
        memset(lanes, 0, (size_t)width);
        for (int within = y; within < at_most(y + 255, down.after); within++) {
            const grey *row = row_of(sheet, within);
            Extent inked = inked_of(sheet, within);
            for (int x = inked.first; x < inked.after; x++) lanes[x] += (row[x] ^ flip) > most;
        }
        for (int x = 0; x < width; x++) columns[x] += lanes[x];
    }
}

/* ---- what is no dust: `writing` ---- */

/* What hangs together, also by corners. Its parent is the piece that it was joined to, or itself; all else counts only
 * then. */
typedef struct {
    int parent, area;
    Box box;
} Piece;

/* Of a row, pixels with ink. */
typedef struct {
    int first, after, piece;
} Run;

static int root_of(Piece *pieces, int piece) {
    while (pieces[piece].parent != piece) piece = pieces[piece].parent = pieces[pieces[piece].parent].parent;
    return piece;
}

static Extent both(Extent a, Extent b) { return (Extent){at_most(a.first, b.first), at_least(a.after, b.after)}; }

static Box around(Box a, Box b) { return (Box){both(a.down, b.down), both(a.across, b.across)}; }

static int joined(Piece *pieces, int a, int b) {
    int one = root_of(pieces, a), other = root_of(pieces, b);
    if (one == other) return one;
    pieces[other].parent = one;
    pieces[one].area += pieces[other].area;
    pieces[one].box = around(pieces[one].box, pieces[other].box);
    return one;
}

/* The first place from `x` on that has more ink than `above`, or no more, as `inked` says; `end` if there is none. */
static int next_place(const grey *row, int x, int end, grey flip, grey above, int inked) {
    for (; x + (int)sizeof(Lanes) <= end; x += sizeof(Lanes)) {
        Lanes found = (Lanes)((sixteen(row + x) ^ flip) > above) ^ (grey)(inked - 1);
        uint64_t halves[2];
        memcpy(halves, &found, sizeof found);
        if (!(halves[0] | halves[1])) continue;
        if (!halves[0]) x += 8;
        break;
    }
    while (x < end && ((row[x] ^ flip) > above) != inked) x++;
    return x;
}

static int length_of(Extent extent) { return extent.after - extent.first; }

static int longer_side(Box box) { return at_least(length_of(box.down), length_of(box.across)); }

static int are_near(Extent a, Extent b, double reach) { return a.first < b.after + reach && b.first < a.after + reach; }

static int equal(Box a, Box b) { return !memcmp(&a, &b, sizeof a); }

/* Finds the pieces of `sheet`, and how many they are; `runs` has room for those of two rows. */
static int find_pieces(const Sheet *sheet, int above, Run *runs, Piece *pieces, int *found) {
    Run *last = runs, *now = runs + sheet->width / 2 + 1;
    int count = 0, before = 0, kept = 0, runs_in_all = 0;
    grey flip = sheet->flip, level = (grey)(sheet->paper + above);
    for (int y = 0; y < sheet->height; y++) {
        const grey *row = row_of(sheet, y);
        Extent inked = inked_of(sheet, y);
        int here = 0, touched = 0;
        for (int x = inked.first; (x = next_place(row, x, inked.after, flip, level, 1)) < inked.after;) {
            if (count == BEGUN || runs_in_all++ == RUNS) return NOT_HERE;
            Run *run = now + here++;
            *run = (Run){x, next_place(row, x, inked.after, flip, level, 0), count};
            x = run->after;
            pieces[count] = (Piece){count, run->after - run->first, {{y, y + 1}, {run->first, run->after}}};
            while (touched < before && last[touched].after < run->first) touched++;
            int alone = 1;
            for (int i = touched; i < before && last[i].first <= run->after; i++, alone = 0)
                run->piece = joined(pieces, last[i].piece, run->piece);
            count += alone;
        }
        Run *swapped = last;
        last = now;
        now = swapped;
        before = here;
    }
    for (int i = 0; i < count; i++)
        if (pieces[i].parent == i) pieces[kept++] = pieces[i];
    *found = kept;
    return DONE;
}

static int tallest_of(const Piece *pieces, int count) {
    int tallest = 0;
    for (int i = 0; i < count; i++) tallest = at_least(tallest, length_of(pieces[i].box.down));
    return tallest;
}

/* The box of all `pieces`, but for dust and low marks, which are `beside` it from some way on. */
static Box writing(const Piece *pieces, int count, const Sheet *sheet, double beside) {
    int tallest = tallest_of(pieces, count), largest = 0;
    for (int i = 0; i < count; i++) largest = at_least(largest, pieces[i].area);
    double dust = DUST * tallest, mark = MARK * tallest, much = MUCH * largest;
    Box box = {{sheet->height, 0}, {sheet->width, 0}}, last;
    for (int i = 0; i < count; i++) {
        int height = length_of(pieces[i].box.down), flat = height <= FLAT * length_of(pieces[i].box.across);
        if (count > PIECES || height > mark || (pieces[i].area > much && !flat)) box = around(box, pieces[i].box);
    }
    do {
        last = box;
        for (int i = 0; i < count; i++) {
            Box piece = pieces[i].box;
            int grain = longer_side(piece) <= dust;
            if (are_near(piece.down, last.down, grain ? dust : NEAR * tallest) &&
                are_near(piece.across, last.across, grain ? dust : beside * tallest))
                box = around(box, piece);
        }
    } while (!equal(box, last));
    return box;
}

static double area_of(Box box) { return (double)length_of(box.down) * length_of(box.across); }

static int lies_in(Box box, Box other) {
    return box.down.first > other.down.first && box.down.after < other.down.after &&
           box.across.first > other.across.first && box.across.after < other.across.after;
}

/* Whether a line may be under what is written at that `place`, or a ring around it, as contract/emphasis.py has them:
 * all that Python takes for one is among these. */
static int may_be_emphasised(const Piece *pieces, int count, Box place) {
    double tallest = tallest_of(pieces, count), down = 0, across = 0;
    Box largest = {{0, 0}, {0, 0}};
    if (count > PIECES) return 0;
    if (count > 1 && longer_side(place) > CELLS) return 1;
    for (int i = 0; i < count; i++) {
        Box piece = pieces[i].box;
        int height = length_of(piece.down), width = length_of(piece.across);
        if (height <= FLAT * width && width >= WIDE * tallest &&
            piece.down.after > place.down.first + TALL * tallest && are_near(piece.down, place.down, 0))
            return 1;
        if (area_of(piece) > area_of(largest)) largest = piece;
    }
    for (int i = 0; i < count; i++)
        if (lies_in(pieces[i].box, largest)) {
            down += length_of(pieces[i].box.down);
            across += length_of(pieces[i].box.across);
        }
    return down >= MARK * length_of(largest.down) || across >= MARK * length_of(largest.across);
}

/* ---- resampling as Pillow does it: of what each place of the result is made, in one direction ---- */

/* The mean of so many pixels, the box filter: all have the same weight. */
typedef struct {
    int first[GRID], count[GRID];
    double each[GRID];
} Boxes;

static int in_box(int pixel, double centre, double scale) {
    double distance = (pixel - centre + 0.5) * (1 / scale);
    return distance > -0.5 && distance <= 0.5;
}

static void divide(int from, int to, Boxes *made) {
    double scale = (double)from / to;
    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale;
        int first = at_least(0, (int)(centre - 0.5 * scale + 0.5));
        int after = at_most(from, (int)(centre + 0.5 * scale + 0.5));
        while (!in_box(first, centre, scale)) first++;
        while (!in_box(after - 1, centre, scale)) after--;
        made->first[i] = first;
        made->count[i] = after - first;
        made->each[i] = 1.0 / (after - first);
    }
}

/* Pixels and their weights, where an image is enlarged. */
typedef struct {
    int first[GRID], count[GRID];
    double weights[GRID][FIVE];
} Weights;

static double bicubic(double x) { /* Keys 1981, a = -1/2 */
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void weigh(int from, int to, Weights *made) {
    double scale = (double)from / to;
    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale, sum = 0, *weights = made->weights[i];
        int first = at_least(0, (int)(centre - 2 + 0.5));
        int count = at_most(from, (int)(centre + 2 + 0.5)) - first;
        for (int k = 0; k < count; k++) sum += weights[k] = bicubic(k + first - centre + 0.5);
        for (int k = 0; k < count; k++) weights[k] /= sum;
        made->first[i] = first;
        made->count[i] = count;
    }
}

static int rounded(double value) { return (int)lrint(value); }

static int side_of(int side, double factor) { return at_least(1, rounded(side * factor)); }

static void in_fixed_point(const Weights *of, int to, int32_t *fixed) {
    for (int i = 0; i < to * FIVE; i++) {
        double weight = i % FIVE < of->count[i / FIVE] ? of->weights[i / FIVE][i % FIVE] : 0;
        fixed[i] = (int32_t)(weight * (1 << FIXED) + (weight < 0 ? -0.5 : 0.5));
    }
}

static void whole(const int32_t *sums, int count, grey *row) {
    for (int i = 0; i < count; i++) row[i] = (grey)at_least(0, at_most(255, (sums[i] + (1 << (FIXED - 1))) >> FIXED));
}

/* Enlarged by bicubic interpolation in fixed point; the darkest ink becomes 255. */
static int enlarge(const Sheet *sheet, Grid *grid) {
    Weights of;
    int height = sheet->height, width = sheet->width;
    int32_t fixed[GRID * FIVE];
    grey wide[GRID * GRID], padded[GRID + FIVE] = {0}, table[256];

    weigh(width, grid->width, &of);
    in_fixed_point(&of, grid->width, fixed);
    for (int y = 0; y < height; y++) {
        int32_t sums[GRID] = {0};
        const grey *row = row_of(sheet, y);
        for (int x = 0; x < width; x++) padded[x] = (grey)ink_of(sheet, row[x]);
        for (int x = 0; x < grid->width; x++)
            for (int k = 0; k < FIVE; k++) sums[x] += padded[of.first[x] + k] * fixed[x * FIVE + k];
        whole(sums, grid->width, wide + y * grid->width);
    }
    weigh(height, grid->height, &of);
    in_fixed_point(&of, grid->height, fixed);
    for (int y = 0; y < grid->height; y++) {
        int32_t sums[GRID] = {0};
        for (int k = 0; k < of.count[y]; k++)
            for (int x = 0; x < grid->width; x++)
                sums[x] += wide[(of.first[y] + k) * grid->width + x] * fixed[y * FIVE + k];
        whole(sums, grid->width, grid->pixels + y * grid->width);
    }
    Sheet result = sheet_of(grid->pixels, grid->height, grid->width, NULL);
    int area = grid->height * grid->width, most = darkest(&result);
    if (!most) return BLANK;
    for (int level = 0; level <= most; level++) table[level] = (grey)rounded(level * (255.0 / most));
    for (int i = 0; i < area; i++) grid->pixels[i] = table[grid->pixels[i]];
    return DONE;
}

/* A row averaged along itself, to `width` places, `factor` times as many; of `level` each pixel has. Only places in the
 * result are written; none of the others has ink.
 *
 * Pillow adds products, this multiplies a sum. The doubles may differ in their last bit, the floats do not: the mean of
 * so few whole numbers is either a float or further from the middle between two than a double's errors reach.
 */
static Extent average_row(const grey *row, Extent inked, double factor, int width, const Boxes *of, const int *level,
                          float *averaged) {
    if (inked.first >= inked.after) return (Extent){0, 0};
    int begin = at_least(0, (int)(inked.first * factor) - 1), end = at_most(width, (int)(inked.after * factor) + 2);
    for (int x = begin; x < end; x++) {
        const grey *first = row + of->first[x];
        int count = of->count[x], sum = level[first[0]]; /* mostly of two or three */
        if (count > 1) sum += level[first[1]];
        if (count > 2) sum += level[first[2]];
        for (int k = 3; k < count; k++) sum += level[first[k]];
        averaged[x] = (float)(sum * of->each[x]);
    }
    return (Extent){begin, end};
}

/* Averaged by areas, first along the rows; the darkest ink becomes 255. */
static int shrink_wide(const Sheet *sheet, Grid *grid) {
    Boxes across, down;
    int level[256];
    float rows[TALLEST][GRID], averaged[GRID * GRID], greatest = 0;
    Extent inked[TALLEST], summed[GRID];
    int most = at_least(1, darkest(sheet)), ready = 0, width = grid->width;
    double factor = (double)width / sheet->width;
    for (int i = 0; i < 256; i++) {
        int ink = ink_of(sheet, (grey)i);
        level[i] = most == 255 ? ink : at_most(255, ink * 255 / most);
    }

    divide(sheet->width, width, &across);
    divide(sheet->height, grid->height, &down);
    for (int y = 0; y < grid->height; y++) {
        for (; ready < down.first[y] + down.count[y]; ready++) {
            int slot = ready % TALLEST;
            Extent some = inked_of(sheet, ready);
            inked[slot] = average_row(row_of(sheet, ready), some, factor, width, &across, level, rows[slot]);
        }
        double sums[GRID] = {0}, weight = down.each[y];
        Extent all = {width, 0};
        for (int k = 0; k < down.count[y]; k++) {
            int slot = (down.first[y] + k) % TALLEST;
            const float *row = rows[slot];
            Extent some = inked[slot];
            if (some.first >= some.after) continue;
            for (int x = some.first; x < some.after; x++) sums[x] += row[x] * weight;
            all = (Extent){at_most(all.first, some.first), at_least(all.after, some.after)};
        }
        for (int x = all.first; x < all.after; x++) {
            float sum = averaged[y * width + x] = (float)sums[x];
            greatest = sum > greatest ? sum : greatest;
        }
        summed[y] = all;
    }
    if (greatest == 0) return BLANK;
    float stretch = 255 / greatest;
    memset(grid->pixels, 0, (size_t)(grid->height * width));
    for (int y = 0; y < grid->height; y++)
        for (int i = y * width + summed[y].first; i < y * width + summed[y].after; i++)
            grid->pixels[i] = (grey)lrintf(averaged[i] * stretch);
    return DONE;
}

static void transpose(const Sheet *sheet, grey *to) {
    for (int y = 0; y < sheet->height; y++)
        for (int x = 0; x < sheet->width; x++) to[x * sheet->height + y] = row_of(sheet, y)[x];
}

/* The same; of something tall, first along the columns. */
static int shrink(const Sheet *sheet, Grid *grid) {
    if (sheet->height <= 2 * sheet->width) return shrink_wide(sheet, grid);
    grey pixels[LARGEST * LARGEST / 2];
    Extent inked[LARGEST / 2];
    Sheet turned = sheet_of(pixels, sheet->width, sheet->height, inked);
    Grid result = {.height = grid->width, .width = grid->height};
    transpose(sheet, pixels);
    turned.flip = sheet->flip;
    turned.paper = sheet->paper;
    find_ink(&turned, inked);
    int outcome = shrink_wide(&turned, &result);
    Sheet found = sheet_of(result.pixels, result.height, result.width, NULL);
    transpose(&found, grid->pixels);
    return outcome;
}

static int scale(const Sheet *sheet, int longer_side, Grid *grid) {
    double factor = (double)longer_side / at_least(sheet->height, sheet->width);
    grid->height = side_of(sheet->height, factor);
    grid->width = side_of(sheet->width, factor);
    return (factor >= 1 ? enlarge : shrink)(sheet, grid);
}

/* ---- strokes: `evened`, `pen_width`, `grown` ---- */

static double clipped(double value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

static void even(Grid *grid) {
    enum { LEAST = 255 / 4 + 1 };
    int area = grid->height * grid->width, counts[2][256] = {{0}}, seen = 0, inked = 0, low = -1, high = -1;
    memset(grid->pixels + area, 0, 8); /* eight at a time: most are paper, which stays what it is */
    for (int i = 0; i < area; i += 8)
        if (!eight_are(grid->pixels + i, 0))
            for (int k = i; k < i + 8; k++) counts[k % 2][grid->pixels[k]]++; /* in turn, as many are alike */
    for (int level = 0; level < 256; level++) counts[0][level] += counts[1][level];
    for (int level = LEAST; level < 256; level++) inked += counts[0][level];
    for (int level = LEAST; level < 256 && high < 0; level++) {
        seen += counts[0][level];
        if (low < 0 && seen > (inked - 1) / 2) low = level;
        if (seen > inked / 2) high = level;
    }
    double typical = (low + high) / 2.0;
    grey table[256];
    for (int level = 0; level < 256; level++) table[level] = (grey)clipped((level / typical - 0.25) * 510);
    for (int i = 0; i < area; i += 8)
        if (!eight_are(grid->pixels + i, 0))
            for (int k = i; k < i + 8; k++) grid->pixels[k] = table[grid->pixels[k]];
}

static double pen_width(const Grid *grid) {
    enum { FULL = 127 };
    int area = 0, edges = 0, height = grid->height, width = grid->width;
    grey inside[GRID] = {0}, borders[GRID] = {0}; /* of each column; a pixel has two borders here, the rest below */
    for (int y = 0; y < height; y++) {
        const grey *row = grid->pixels + y * width, *above = y ? row - width : row;
        for (int x = 0; x < width; x++) {
            inside[x] += row[x] > FULL;
            borders[x] += (row[x] > FULL) != (above[x] > FULL);
        }
        for (int x = 1; x < width; x++) borders[x] += (row[x] > FULL) != (row[x - 1] > FULL);
        edges += (row[0] > FULL) + (row[width - 1] > FULL);
    }
    const grey *last = grid->pixels + (height - 1) * width;
    for (int x = 0; x < width; x++) {
        area += inside[x];
        edges += borders[x] + (grid->pixels[x] > FULL) + (last[x] > FULL);
    }
    return 8 / PI * area / edges;
}

static void grow(Grid *grid, int rounds) {
    int height = grid->height + 2 * rounds, width = grid->width + 2 * rounds, area = height * width;
    grey sheets[3][(WIDEST + 2) * WIDEST] = {{0}}; /* with a row of paper above and below */
    grey *grown = sheets[0] + width, *wide = sheets[1] + width, *next = sheets[2] + width;
    for (int y = 0; y < grid->height; y++)
        memcpy(grown + (y + rounds) * width + rounds, grid->pixels + y * grid->width, (size_t)grid->width);
    for (int round = 0; round < rounds; round++) {
        const grey *tall = round % 2 ? wide : grown; /* square and cross in turn make an octagon */
        for (int i = 0; i < area; i++) /* the rim is paper, so rows may meet */
            wide[i] = lighter(grown[i], lighter(grown[i - 1], grown[i + 1]));
        for (int i = 0; i < area; i++) next[i] = lighter(wide[i], lighter(tall[i - width], tall[i + width]));
        memcpy(grown, next, (size_t)area);
    }
    memcpy(grid->pixels, grown, (size_t)area);
    grid->height = height;
    grid->width = width;
}

/* ---- the middle: `centred` ---- */

static int offset(int64_t moment, int64_t mass, int side) {
    /* `moment` counts places as 1, 3, 5 …: twice their middles. */
    int place = rounded((double)((SIZE + 1) * mass - moment) / (double)(2 * mass));
    return at_most(at_least(place, 0), SIZE - side);
}

static void centre(const Grid *digit, grey *placed) {
    int64_t mass = 0, down = 0, right = 0;
    for (int y = 0; y < digit->height; y++)
        for (int x = 0; x < digit->width; x++) {
            int ink = digit->pixels[y * digit->width + x];
            mass += ink;
            down += (2 * y + 1) * ink;
            right += (2 * x + 1) * ink;
        }
    int top = offset(down, mass, digit->height), left = offset(right, mass, digit->width);
    memset(placed, 0, SIZE * SIZE);
    for (int y = 0; y < digit->height; y++)
        memcpy(placed + (top + y) * SIZE + left, digit->pixels + y * digit->width, (size_t)digit->width);
}

/* ---- all of it ---- */

/* What is noted of an image's rows and columns, in one piece. */
typedef struct {
    Extent *inked;
    Run *runs;
    Piece *pieces;
    uint32_t *rows, *columns;
    grey *line;
} Notes;

static int notes_for(int height, int width, Notes *made) {
    size_t rows = (size_t)height, columns = (size_t)width, runs = columns + 2;
    made->inked = malloc(sizeof(Extent) * rows + sizeof(Run) * runs + sizeof(Piece) * BEGUN +
                         sizeof(uint32_t) * (rows + columns) + columns);
    made->runs = (Run *)(made->inked + rows);
    made->pieces = (Piece *)(made->runs + runs);
    made->rows = (uint32_t *)(made->pieces + BEGUN);
    made->columns = made->rows + rows;
    made->line = (grey *)(made->columns + columns);
    return made->inked != NULL;
}

/* `most` levels of ink has the darkest pixel of `sheet`. */
static int place(const Sheet *sheet, int most, const Notes *notes, grey *placed) {
    if (!most) return BLANK;
    count_rows(sheet, most / 4, notes->rows);
    if (are_grains(sheet, notes->rows)) return NOT_HERE;
    int count;
    if (find_pieces(sheet, most / 4, notes->runs, notes->pieces, &count)) return NOT_HERE;
    Box box = writing(notes->pieces, count, sheet, NEAR);
    if (may_be_emphasised(notes->pieces, count, box)) return NOT_HERE;
    Sheet whole = part_of(sheet, box.down.first, box.across.first, length_of(box.down), length_of(box.across));
    count_rows(&whole, most / 4, notes->rows);
    Extent down = extent(notes->rows, whole.height);
    count_columns(&whole, most / 4, down, notes->line, notes->columns);
    Extent across = extent(notes->columns, whole.width);
    Sheet cut = part_of(&whole, down.first, across.first, length_of(down), length_of(across));
    if (at_least(cut.height, cut.width) >= LARGEST) return NOT_HERE;

    Grid grid, digit;
    if (scale(&cut, GRID, &grid)) return BLANK;
    even(&grid);
    int rounds = at_least(0, rounded((MIN_PEN - pen_width(&grid)) / 2));
    if (rounds) grow(&grid, rounds);
    Extent inked[WIDEST];
    Sheet strokes = sheet_of(grid.pixels, grid.height, grid.width, inked);
    find_ink(&strokes, inked);
    if (scale(&strokes, DIGIT, &digit)) return BLANK;
    centre(&digit, placed);
    return DONE;
}

/* ---- ink and paper: `inked`, of clean paper ---- */

static int all(const grey *pixels, int stride, int count, grey level) {
    for (int i = 0; i < count; i++)
        if (pixels[(size_t)i * stride] != level) return 0;
    return 1;
}

static void widen(const grey *row, int width, grey *least, grey *greatest) {
    grey low = 255, high = 0;
    for (int x = 0; x < width; x++) {
        low = row[x] < low ? row[x] : low;
        high = row[x] > high ? row[x] : high;
    }
    *least = low < *least ? low : *least;
    *greatest = lighter(high, *greatest);
}

/* Puts an image with a border of one grey on `sheet`, and how many levels of ink its darkest pixel has into `most`. */
static int separate(const grey *image, int height, int width, Sheet *sheet, Extent *inked, int *most) {
    size_t area = (size_t)height * width;
    grey paper = image[0], least = paper, greatest = paper;
    if (!all(image, 1, width, paper) || !all(image + area - width, 1, width, paper) ||
        !all(image, width, height, paper) || !all(image + width - 1, width, height, paper))
        return NOT_HERE;
    *sheet = sheet_of(image, height, width, inked);
    sheet->paper = paper;
    find_ink(sheet, inked);
    for (int y = 0; y < height; y++)
        widen(row_of(sheet, y) + inked[y].first, inked[y].after - inked[y].first, &least, &greatest);
    int dark = paper - least, light = greatest - paper;
    if (at_most(dark, light) >= MIN_CONTRAST) return NOT_HERE;
    if (dark >= light) {
        sheet->flip = 255;
        sheet->paper = 255 - paper;
    }
    *most = at_least(dark, light);
    return *most >= MIN_CONTRAST ? DONE : dark + light >= MIN_CONTRAST ? NOT_HERE : BLANK;
}

/* Whether what is drawn reaches as far in nearly all rows: it may be a box, as contract/surroundings.py has it. What is
 * noted of a row may be seven pixels too much on either side, and rows of less than eight are passed over, so all that
 * Python takes for one is among these: it wants LARGE to be 45, of which 88 and 84 hundredths are more than 36. */
static int may_be_boxed(const Sheet *sheet) {
    int top = -1, bottom = -1, left = sheet->width, right = 0, wide = 0;
    if (at_most(sheet->height, sheet->width) < SMALLEST) return 0;
    for (int y = 0; y < sheet->height; y++) {
        Extent ink = sheet->inked[y];
        if (ink.after - ink.first < EIGHT) continue;
        if (top < 0) top = y;
        bottom = y;
        left = at_most(left, ink.first);
        right = at_least(right, ink.after);
    }
    int rows = bottom - top + 1, extent = right - left;
    if (top < 0 || 100 * rows < LARGE * sheet->height || 100 * extent < LARGE * sheet->width) return 0;
    for (int y = top; y <= bottom; y++)
        wide += 100 * (sheet->inked[y].after - sheet->inked[y].first) >= SPAN * (extent - 2 * EIGHT);
    return 100 * wide >= ROWS * rows;
}

/* Whether an image may be one that Python looks behind, in contract/undoing.py. */
static int was_changed(const Sheet *sheet) {
    if (may_be_boxed(sheet)) return 1;

    int changes = 0, last = 0, least = LONGEST, most = 0;
    uint64_t far = 0, area = (uint64_t)sheet->height * sheet->width;
    grey above = (grey)at_most(255, sheet->paper + FAR);
    for (int y = 0; y < sheet->height; y++) far += count_row(row_of(sheet, y), inked_of(sheet, y), sheet->flip, above);
    if (2 * far >= area) return 1; /* or is it a rim that is paper? */

    for (int y = 1; y < sheet->height && changes < COARSE; y++) {
        const Extent *inked = sheet->inked + y;
        if (inked[0].first >= inked[0].after && inked[-1].first >= inked[-1].after) continue;
        if (!memcmp(row_of(sheet, y), row_of(sheet, y - 1), (size_t)sheet->width)) continue;
        if (changes++) {
            least = at_most(least, y - last);
            most = at_least(most, y - last);
        }
        last = y;
    }
    return changes >= FEWEST && changes < COARSE && least > 1 && most - least <= 1;
}

/* ---- what Python calls ---- */

/* `ink`, paper 0, → `box`: of its writing the first row and that behind the last, then the same of its columns. */
int digits_writing(const grey *ink, int height, int width, double beside, Box *box) {
    Notes notes;
    if (at_least(height, width) >= LONGEST || !notes_for(height, width, &notes)) return NOT_HERE;
    Sheet sheet = sheet_of(ink, height, width, notes.inked);
    find_ink(&sheet, notes.inked);
    int most = darkest(&sheet), outcome = BLANK, count;
    if (most) outcome = find_pieces(&sheet, most / 4, notes.runs, notes.pieces, &count);
    if (outcome == DONE) *box = writing(notes.pieces, count, &sheet, beside);
    free(notes.inked);
    return outcome;
}

/* `ink`, paper 0, → `placed`, 28×28. */
int digits_place(const grey *ink, int height, int width, grey *placed) {
    Notes notes;
    if (at_least(height, width) >= LONGEST || !notes_for(height, width, &notes)) return NOT_HERE;
    Sheet sheet = sheet_of(ink, height, width, notes.inked);
    find_ink(&sheet, notes.inked);
    int outcome = place(&sheet, darkest(&sheet), &notes, placed);
    free(notes.inked);
    return outcome;
}

/* `image`, of any paper and pen, → `placed`, 28×28. */
int digits_normalise(const grey *image, int height, int width, grey *placed) {
    int side = at_least(height, width), most;
    Notes notes;
    Sheet sheet;
    if (side <= COARSE || side >= SAMPLED || !notes_for(height, width, &notes)) return NOT_HERE;
    int outcome = separate(image, height, width, &sheet, notes.inked, &most);
    if (outcome == DONE) outcome = was_changed(&sheet) ? NOT_HERE : place(&sheet, most, &notes, placed);
    free(notes.inked);
    return outcome;
}

static grey nearest(int left, int up, int corner) { /* Paeth 1991 */
    int to_left = abs(up - corner), to_up = abs(left - corner), to_corner = abs(left + up - 2 * corner);
    return (grey)(to_left <= to_up && to_left <= to_corner ? left : to_up <= to_corner ? up : corner);
}

static void add(const grey *restrict source, const grey *restrict above, int length, grey *restrict row) {
    int x = 0;
    for (; x + (int)sizeof(Lanes) <= length; x += sizeof(Lanes)) {
        Lanes sum = sixteen(source + x) + sixteen(above + x);
        memcpy(row + x, &sum, sizeof sum);
    }
    for (; x < length; x++) row[x] = (grey)(source[x] + above[x]);
}

/* The pixels of a PNG whose rows, each behind the byte of its filter, are `filtered` (PNG, third edition, section 9).
 * `step` bytes make a pixel. */
int digits_unfilter(const grey *filtered, int height, int stride, int step, grey *pixels) {
    grey *nothing = calloc((size_t)stride, 1);
    const grey *above = nothing;
    int outcome = nothing ? DONE : NOT_HERE;
    for (int y = 0; y < height && outcome == DONE; y++) {
        const grey *source = filtered + (size_t)y * (stride + 1) + 1;
        grey *row = pixels + (size_t)y * stride;
        switch (source[-1]) {
        case 0:
            memcpy(row, source, (size_t)stride);
            break;
        case 1:
            for (int channel = 0; channel < step; channel++)
                for (int x = channel, left = 0; x < stride; x += step) row[x] = (grey)(left += source[x]);
            break;
        case 2:
            add(source, above, stride, row);
            break;
        case 3:
            for (int x = 0; x < step; x++) row[x] = (grey)(source[x] + above[x] / 2);
            for (int x = step; x < stride; x++) row[x] = (grey)(source[x] + (row[x - step] + above[x]) / 2);
            break;
        case 4:
            add(source, above, step, row);
            for (int x = step; x < stride; x++)
                row[x] = (grey)(source[x] + nearest(row[x - step], above[x], above[x - step]));
            break;
        default:
            outcome = NOT_HERE;
        }
        above = row;
    }
    free(nothing);
    return outcome;
}

/* Such rows of a grey image, → `placed`, 28×28. */
int digits_png(const grey *filtered, int height, int width, grey *placed) {
    grey *pixels = malloc((size_t)height * width);
    int outcome = pixels ? digits_unfilter(filtered, height, width, 1, pixels) : NOT_HERE;
    if (outcome == DONE) outcome = digits_normalise(pixels, height, width, placed);
    free(pixels);
    return outcome;
}
