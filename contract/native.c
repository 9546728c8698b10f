/* The inner part of contract/normalisation.py, to the last bit, and the filters of PNG: what costs Python most.
 *
 * Buffers are of the sizes that the functions at the end name; images have at least one pixel. Floating-point arithmetic is in the order in
 * which Pillow and numpy do it; compile without contraction to fused operations.
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
    MIN_CONTRAST = 10,          /* between paper and ink, levels */
    TAPS = 32,                  /* source pixels that one pixel is made of; of a narrow crop there are twelve at most */
    FIVE = 5,                   /* of them where an image is enlarged, at most */
    FIXED = 22,                 /* bits behind the point in Pillow's weights for 8-bit images */
};
static const double SPECK = 0.005, PI = 3.14159265358979323846;

enum { DONE, BLANK, NOT_HERE };

typedef uint8_t grey;

typedef struct {
    int height, width;
    grey pixels[WIDEST * WIDEST + 8]; /* the last eight are of nobody */
} Grid;

static int at_most(int a, int b) { return a < b ? a : b; }
static int at_least(int a, int b) { return a > b ? a : b; }
static grey lighter(grey a, grey b) { return a > b ? a : b; }

static int darkest(const grey *pixels, size_t count) {
    grey most = 0;
    for (size_t i = 0; i < count; i++) most = pixels[i] > most ? pixels[i] : most;
    return most;
}

static int eight_of_paper(const grey *pixels) {
    uint64_t eight;
    memcpy(&eight, pixels, sizeof eight);
    return !eight;
}

/* ---- bounding box: `bounds` ---- */

typedef struct {
    int first, after;
} Extent;

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

/* Counters of bytes go sixteen or more to a register; they are emptied before they overflow. */

static uint32_t count_row(const grey *row, int width, grey above) {
    enum { LANES = 64, MOST = 255 * LANES };
    uint32_t count = 0;
    for (int begin = 0; begin < width; begin += MOST) {
        int end = at_most(begin + MOST, width), x = begin;
        grey lanes[LANES] = {0};
        for (; x + LANES <= end; x += LANES)
            for (int i = 0; i < LANES; i++) lanes[i] += row[x + i] > above;
        for (; x < end; x++) count += row[x] > above;
        for (int i = 0; i < LANES; i++) count += lanes[i];
    }
    return count;
}

static void count_columns(const grey *ink, int height, int width, grey above, grey *lanes, uint32_t *columns) {
    memset(columns, 0, sizeof *columns * (size_t)width);
    for (int y = 0; y < height; y += 255) {
        memset(lanes, 0, (size_t)width);
        for (int within = y; within < at_most(y + 255, height); within++) {
            const grey *row = ink + (size_t)within * width;
            for (int x = 0; x < width; x++) lanes[x] += row[x] > above;
        }
        for (int x = 0; x < width; x++) columns[x] += lanes[x];
    }
}

/* ---- resampling as Pillow does it: weights of one direction ---- */

/* For each place of the result: which places of the source it is made of, and their weights. */
typedef struct {
    int first[GRID], count[GRID], taps;
    double weights[GRID * TAPS]; /* `taps` for each place */
} Weights;

typedef double Filter(double);

static double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

static double bicubic(double x) { /* Keys 1981, a = -1/2 */
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

static void weigh(int from, int to, Filter *filter, double reach, Weights *made) {
    double scale = (double)from / to, stretch = scale < 1 ? 1 : scale;
    made->taps = 2 * (int)ceil(reach * stretch) + 1;
    for (int i = 0; i < to; i++) {
        double centre = (i + 0.5) * scale, sum = 0, *weights = made->weights + i * made->taps;
        int first = at_least(0, (int)(centre - reach * stretch + 0.5));
        int count = at_most(from, (int)(centre + reach * stretch + 0.5)) - first;
        for (int k = 0; k < count; k++) sum += weights[k] = filter((k + first - centre + 0.5) * (1 / stretch));
        for (int k = 0; k < count; k++) weights[k] /= sum;
        made->first[i] = first;
        made->count[i] = count;
    }
}

static int rounded(double value) { return (int)lrint(value); }

static int side_of(int side, double factor) { return at_least(1, rounded(side * factor)); }

static void in_fixed_point(const Weights *of, int to, int32_t *fixed) {
    for (int i = 0; i < to * FIVE; i++) {
        double weight = i % FIVE < of->count[i / FIVE] ? of->weights[i / FIVE * of->taps + i % FIVE] : 0;
        fixed[i] = (int32_t)(weight * (1 << FIXED) + (weight < 0 ? -0.5 : 0.5));
    }
}

static void whole(const int32_t *sums, int count, grey *row) {
    for (int i = 0; i < count; i++) row[i] = (grey)at_least(0, at_most(255, (sums[i] + (1 << (FIXED - 1))) >> FIXED));
}

/* Enlarged by bicubic interpolation in fixed point; the darkest ink becomes 255. */
static int enlarge(const grey *ink, int stride, int height, int width, Grid *grid) {
    Weights of;
    int32_t fixed[GRID * FIVE];
    grey wide[GRID * GRID], padded[GRID + FIVE] = {0}, table[256];

    weigh(width, grid->width, bicubic, 2, &of);
    in_fixed_point(&of, grid->width, fixed);
    for (int y = 0; y < height; y++) {
        int32_t sums[GRID] = {0};
        memcpy(padded, ink + y * stride, (size_t)width);
        for (int x = 0; x < grid->width; x++)
            for (int k = 0; k < FIVE; k++) sums[x] += padded[of.first[x] + k] * fixed[x * FIVE + k];
        whole(sums, grid->width, wide + y * grid->width);
    }
    weigh(height, grid->height, bicubic, 2, &of);
    in_fixed_point(&of, grid->height, fixed);
    for (int y = 0; y < grid->height; y++) {
        int32_t sums[GRID] = {0};
        for (int k = 0; k < of.count[y]; k++)
            for (int x = 0; x < grid->width; x++)
                sums[x] += wide[(of.first[y] + k) * grid->width + x] * fixed[y * FIVE + k];
        whole(sums, grid->width, grid->pixels + y * grid->width);
    }
    int area = grid->height * grid->width, most = darkest(grid->pixels, (size_t)area);
    if (!most) return BLANK;
    for (int level = 0; level <= most; level++) table[level] = (grey)rounded(level * (255.0 / most));
    for (int i = 0; i < area; i++) grid->pixels[i] = table[grid->pixels[i]];
    return DONE;
}

static Extent without_margins(const grey *row, int width) {
    int begin = 0, end = width;
    while (begin + 8 <= end && eight_of_paper(row + begin)) begin += 8;
    while (end - 8 >= begin && eight_of_paper(row + end - 8)) end -= 8;
    return (Extent){begin, end};
}

/* One row of `ink` averaged along itself, to `width` places. */
static void average_row(const grey *ink, int from, int width, const Weights *of, const double *level, float *averaged) {
    Extent inked = without_margins(ink, from);
    int begin = at_least(0, inked.first * width / from - 1), end = at_most(width, inked.after * width / from + 2);
    memset(averaged, 0, sizeof *averaged * (size_t)width);
    for (int x = begin; x < end; x++) {
        const grey *first = ink + of->first[x];
        const double *weights = of->weights + x * of->taps;
        double sum = 0;
        for (int k = 0; k < of->count[x]; k++) sum += level[first[k]] * weights[k];
        averaged[x] = (float)sum;
    }
}

/* Averaged by areas, first along the rows; the darkest ink becomes 255. */
static int shrink_wide(const grey *ink, int stride, int height, int width, Grid *grid) {
    Weights across, down;
    double level[256];
    float rows[TAPS][GRID], averaged[GRID * GRID], greatest = 0;
    int most = 0, ready = 0, area = grid->height * grid->width;
    for (int y = 0; y < height && most < 255; y++) most = at_least(most, darkest(ink + y * stride, (size_t)width));
    for (int i = 0; i < 256; i++) level[i] = at_most(255, i * 255 / at_least(1, most));

    weigh(width, grid->width, box, 0.5, &across);
    weigh(height, grid->height, box, 0.5, &down);
    for (int y = 0; y < grid->height; y++) {
        for (; ready < down.first[y] + down.count[y]; ready++)
            average_row(ink + ready * stride, width, grid->width, &across, level, rows[ready % TAPS]);
        double sums[GRID] = {0};
        for (int k = 0; k < down.count[y]; k++) {
            const float *row = rows[(down.first[y] + k) % TAPS];
            double weight = down.weights[y * down.taps + k];
            for (int x = 0; x < grid->width; x++) sums[x] += row[x] * weight;
        }
        for (int x = 0; x < grid->width; x++) averaged[y * grid->width + x] = (float)sums[x];
    }
    for (int i = 0; i < area; i++) greatest = averaged[i] > greatest ? averaged[i] : greatest;
    if (greatest == 0) return BLANK;
    float factor = 255 / greatest;
    for (int i = 0; i < area; i++) grid->pixels[i] = (grey)lrintf(averaged[i] * factor);
    return DONE;
}

static void transpose(const grey *from, int stride, int height, int width, grey *to) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) to[x * height + y] = from[y * stride + x];
}

/* The same; of something tall, first along the columns. */
static int shrink(const grey *ink, int stride, int height, int width, Grid *grid) {
    if (height <= 2 * width) return shrink_wide(ink, stride, height, width, grid);
    grey turned[LARGEST * LARGEST / 2];
    Grid result = {.height = grid->width, .width = grid->height};
    transpose(ink, stride, height, width, turned);
    int outcome = shrink_wide(turned, height, width, height, &result);
    transpose(result.pixels, result.width, result.height, result.width, grid->pixels);
    return outcome;
}

static int scale(const grey *ink, int stride, int height, int width, int longer_side, Grid *grid) {
    double factor = (double)longer_side / at_least(height, width);
    grid->height = side_of(height, factor);
    grid->width = side_of(width, factor);
    return (factor >= 1 ? enlarge : shrink)(ink, stride, height, width, grid);
}

/* ---- strokes: `evened`, `pen_width`, `grown` ---- */

static double clipped(double value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

static void even(Grid *grid) {
    enum { LEAST = 255 / 4 + 1 };
    int area = grid->height * grid->width, counts[256] = {0}, seen = 0, inked = 0, low = -1, high = -1;
    memset(grid->pixels + area, 0, 8); /* eight at a time: most are paper, which stays what it is */
    for (int i = 0; i < area; i += 8)
        if (!eight_of_paper(grid->pixels + i))
            for (int k = i; k < i + 8; k++) counts[grid->pixels[k]]++;
    for (int level = LEAST; level < 256; level++) inked += counts[level];
    for (int level = LEAST; level < 256 && high < 0; level++) {
        seen += counts[level];
        if (low < 0 && seen > (inked - 1) / 2) low = level;
        if (seen > inked / 2) high = level;
    }
    double typical = (low + high) / 2.0;
    grey table[256];
    for (int level = 0; level < 256; level++) table[level] = (grey)clipped((level / typical - 0.25) * 510);
    for (int i = 0; i < area; i += 8)
        if (!eight_of_paper(grid->pixels + i))
            for (int k = i; k < i + 8; k++) grid->pixels[k] = table[grid->pixels[k]];
}

static double pen_width(const Grid *grid) {
    int area = 0, edges = 0, height = grid->height, width = grid->width;
    for (int y = 0; y < height; y++) {
        const grey *row = grid->pixels + y * width;
        for (int x = 0; x < width; x++) area += row[x] > 127;
        for (int x = 1; x < width; x++) edges += (row[x] > 127) != (row[x - 1] > 127);
        if (y)
            for (int x = 0; x < width; x++) edges += (row[x] > 127) != (row[x - width] > 127);
        else
            for (int x = 0; x < width; x++) edges += row[x] > 127;
        edges += (row[0] > 127) + (row[width - 1] > 127);
    }
    for (int x = 0; x < width; x++) edges += grid->pixels[(height - 1) * width + x] > 127;
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

static int place(const grey *ink, int height, int width, grey *placed) {
    int most = darkest(ink, (size_t)height * width);
    if (!most) return BLANK;
    grey above = (grey)(most / 4);
    uint32_t *rows = malloc(sizeof *rows * (size_t)(height + 2 * width));
    if (!rows) return NOT_HERE;
    uint32_t *columns = rows + height;
    for (int y = 0; y < height; y++) rows[y] = count_row(ink + (size_t)y * width, width, above);
    Extent down = extent(rows, height);
    int tall = down.after - down.first;
    count_columns(ink + (size_t)down.first * width, tall, width, above, (grey *)(columns + width), columns);
    Extent across = extent(columns, width);
    int broad = across.after - across.first;
    free(rows);
    if (at_least(tall, broad) >= LARGEST) return NOT_HERE;

    Grid grid, digit;
    if (scale(ink + (size_t)down.first * width + across.first, width, tall, broad, GRID, &grid)) return BLANK;
    even(&grid);
    int rounds = at_least(0, rounded((MIN_PEN - pen_width(&grid)) / 2));
    if (rounds) grow(&grid, rounds);
    if (scale(grid.pixels, grid.width, grid.height, grid.width, DIGIT, &digit)) return BLANK;
    centre(&digit, placed);
    return DONE;
}

/* ---- ink and paper: `inked`, of clean paper ---- */

static int all(const grey *pixels, int stride, int count, grey level) {
    for (int i = 0; i < count; i++)
        if (pixels[(size_t)i * stride] != level) return 0;
    return 1;
}

/* The difference from a border that is all of one grey. */
static int separate(const grey *image, int height, int width, grey *ink) {
    size_t area = (size_t)height * width;
    grey paper = image[0], least = 255, most = 0;
    if (!all(image, 1, width, paper) || !all(image + area - width, 1, width, paper) ||
        !all(image, width, height, paper) || !all(image + width - 1, width, height, paper))
        return NOT_HERE;
    for (size_t i = 0; i < area; i++) {
        least = image[i] < least ? image[i] : least;
        most = image[i] > most ? image[i] : most;
    }
    int dark = paper - least, light = most - paper;
    if (at_most(dark, light) >= MIN_CONTRAST) return NOT_HERE;
    if (at_least(dark, light) < MIN_CONTRAST) return BLANK;
    if (dark >= light)
        for (size_t i = 0; i < area; i++) ink[i] = image[i] < paper ? paper - image[i] : 0;
    else
        for (size_t i = 0; i < area; i++) ink[i] = image[i] > paper ? image[i] - paper : 0;
    return DONE;
}

/* ---- what Python calls ---- */

/* `ink`, paper 0, → `placed`, 28×28. */
int digits_place(const grey *ink, int height, int width, grey *placed) {
    return at_least(height, width) < LONGEST ? place(ink, height, width, placed) : NOT_HERE;
}

/* `image`, of any paper and pen, → `placed`, 28×28. */
int digits_normalise(const grey *image, int height, int width, grey *placed) {
    int side = at_least(height, width);
    grey *ink = side > COARSE && side < SAMPLED ? malloc((size_t)height * width) : NULL;
    int outcome = ink ? separate(image, height, width, ink) : NOT_HERE;
    if (outcome == DONE) outcome = place(ink, height, width, placed);
    free(ink);
    return outcome;
}

static grey nearest(int left, int up, int corner) { /* Paeth 1991 */
    int to_left = abs(up - corner), to_up = abs(left - corner), to_corner = abs(left + up - 2 * corner);
    return (grey)(to_left <= to_up && to_left <= to_corner ? left : to_up <= to_corner ? up : corner);
}

static void add(const grey *restrict source, const grey *restrict above, int length, grey *restrict row) {
    for (int x = 0; x < length; x++) row[x] = (grey)(source[x] + above[x]);
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
