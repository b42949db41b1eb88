/* The two sums of every scrape that take the longest, compiled: the contract of each stands in _native.pyi, and both are
 * held to what the Python beside them says (tests/core/test_native.py).
 *
 * What comes in was written by a kubelet, which may be hostile. Every read stands behind a comparison with the end, no
 * size is taken from the input, and whatever is not written as kubelets write it is left to the Python: None, or the
 * index of the row. Only the stable ABI of Python 3.11 is used, so one build serves every later version.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <string.h>

#include "_number.h"

#define NANO INT64_C(1000000000)
#define CLOCK_NS (60 * NANO)  /* rates.CLOCK_NS */
#define NO_GAP (-1)           /* series._NO_GAP */

/* ---- a page, line by line ---- */

typedef struct {
    const char *at, *end; /* what is left of the page */
    uint64_t hash;        /* of everything so far that is no number */
    const char *text;     /* the line before its number, */
    Py_ssize_t text_size;
    const char *number; /* and the number with its time */
    Py_ssize_t number_size;
} Lines;

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 32);
}

/* A text, its length and whether a number follows: the same bytes cut elsewhere have another hash. */
static uint64_t hashed(uint64_t hash, const char *text, Py_ssize_t size, int numbered)
{
    Py_ssize_t left = size;
    uint64_t word;
    for (; left >= 8; left -= 8, text += 8) {
        memcpy(&word, text, 8);
        hash = mixed(hash, word);
    }
    word = 0;
    memcpy(&word, text, (size_t)left);
    return mixed(mixed(hash, word), (uint64_t)size * 2 + (uint64_t)numbered);
}

/* Where the number of a line begins: behind the last "} " when that is near, else behind the first blank of a line
 * without labels; its end when it has none, or is a comment. */
static const char *number_of(const char *line, const char *end)
{
    if (line == end || *line == '#')
        return end;
    const char *nearest = end - line > LONGEST + 2 ? end - LONGEST - 2 : line;
    for (const char *at = end - 1; at > nearest; at--)
        if (*at == ' ' && at[-1] == '}')
            return at + 1;
    if (memchr(line, '{', (size_t)(end - line)) != NULL)
        return end;
    const char *blank = memchr(line, ' ', (size_t)(end - line));
    return blank == NULL || end - blank > LONGEST + 1 ? end : blank + 1;
}

/* The next line that has a number; 0 when there is none. */
static int next_number(Lines *lines)
{
    while (lines->at < lines->end) {
        const char *line = lines->at, *end = memchr(line, '\n', (size_t)(lines->end - line));
        if (end == NULL)
            end = lines->end;
        lines->at = end < lines->end ? end + 1 : end;
        lines->text = line;
        lines->number = number_of(line, end);
        lines->text_size = lines->number - line;
        lines->number_size = end - lines->number;
        lines->hash = hashed(lines->hash, line, lines->text_size, lines->number_size > 0);
        if (lines->number_size > 0)
            return 1;
    }
    return 0;
}

/* ---- samples: read and texts ---- */

enum { AT, CPU, MEMORY, START, COLUMNS };
enum { IGNORED = 0, WHOLE = -1, FAILURE = -2 }; /* pagelayout's codes; above 0: 1 + row * COLUMNS + column */

typedef struct {
    uint64_t hash;
    int32_t rows, numbers;
} Plan; /* `numbers` codes of 32 bits follow */

/* Put a number where its code says; 0 = that is for Python. */
static int put(const Lines *lines, int32_t code, int64_t *samples, char *whole, Py_ssize_t *whole_size)
{
    const char *end = lines->number + lines->number_size;
    double value;
    int64_t ms;
    if (code == IGNORED)
        return 1;
    if (code == WHOLE) {
        memcpy(whole + *whole_size, lines->number, (size_t)lines->number_size);
        *whole_size += lines->number_size;
        whole[(*whole_size)++] = '\n';
        return 1;
    }
    if (code == FAILURE)
        return read_number(lines->number, end, 1.0, &value, &ms) && value == 0;
    int64_t *sample = samples + (code - 1) / COLUMNS * COLUMNS;
    int column = (code - 1) % COLUMNS;
    if (!read_number(lines->number, end, column == MEMORY ? 9007199254740992.0 : 9223372036.0, &value, &ms))
        return 0;
    if (column == CPU) {
        if (ms < 0)
            return 0;
        sample[AT] = ms * MILLI;
    }
    sample[column] = (int64_t)(column == MEMORY ? value : value * 1e9);
    return 1;
}

static PyObject *samples_of(Lines lines, Plan plan, const char *codes, int64_t *samples, char *whole)
{
    Py_ssize_t whole_size = 0;
    int32_t number = 0;
    int32_t code;
    for (; next_number(&lines); number++) {
        if (number == plan.numbers)
            Py_RETURN_NONE;
        memcpy(&code, codes + (size_t)number * sizeof code, sizeof code);
        if (!put(&lines, code, samples, whole, &whole_size))
            Py_RETURN_NONE;
    }
    if (number != plan.numbers || lines.hash != plan.hash)
        Py_RETURN_NONE;
    return Py_BuildValue("y#y#", (char *)samples, (Py_ssize_t)sizeof(int64_t) * COLUMNS * plan.rows, whole,
                         whole_size > 0 ? whole_size - 1 : 0);
}

/* Whether `plan` is one that `pagelayout` makes: every code names a row that there is. */
static int is_plan(const char *bytes, Py_ssize_t size, Plan *plan)
{
    if (size < (Py_ssize_t)sizeof *plan)
        return 0;
    memcpy(plan, bytes, sizeof *plan);
    if (plan->rows < 0 || plan->numbers < plan->rows ||
        (size - (Py_ssize_t)sizeof *plan) != (Py_ssize_t)plan->numbers * (Py_ssize_t)sizeof(int32_t))
        return 0;
    int32_t code;
    for (int32_t number = 0; number < plan->numbers; number++) {
        memcpy(&code, bytes + sizeof *plan + (size_t)number * sizeof code, sizeof code);
        if (code < FAILURE || (code > 0 && ((code - 1) / COLUMNS >= plan->rows || (code - 1) % COLUMNS == AT)))
            return 0;
    }
    return 1;
}

static PyObject *native_read(PyObject *module, PyObject *args)
{
    const char *page, *bytes;
    Py_ssize_t page_size, size;
    unsigned long long seed;
    Plan plan;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#K", &page, &page_size, &bytes, &size, &seed))
        return NULL;
    if (!is_plan(bytes, size, &plan)) {
        PyErr_SetString(PyExc_ValueError, "no plan of a page");
        return NULL;
    }
    Lines lines = {.at = page, .end = page + page_size, .hash = seed};
    int64_t *samples = PyMem_Calloc((size_t)plan.rows * COLUMNS + 1, sizeof *samples);
    char *whole = PyMem_Malloc((size_t)page_size + 1); /* parts of the page, each with a line feed that it had there */
    PyObject *found = samples != NULL && whole != NULL
                          ? samples_of(lines, plan, bytes + sizeof plan, samples, whole)
                          : PyErr_NoMemory();
    PyMem_Free(samples);
    PyMem_Free(whole);
    return found;
}

static PyObject *native_texts(PyObject *module, PyObject *args)
{
    const char *page;
    Py_ssize_t page_size;
    unsigned long long seed;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#K", &page, &page_size, &seed))
        return NULL;
    Lines lines = {.at = page, .end = page + page_size, .hash = seed};
    PyObject *texts = PyList_New(0);
    while (texts != NULL && next_number(&lines)) {
        PyObject *text = PyBytes_FromStringAndSize(lines.text, lines.text_size);
        if (text == NULL || PyList_Append(texts, text) < 0)
            Py_CLEAR(texts);
        Py_XDECREF(text);
    }
    return texts == NULL ? NULL : Py_BuildValue("KN", (unsigned long long)lines.hash, texts);
}

/* ---- rates: take ---- */

enum { SEEN, GAP, RECEIVED, ROW_START, ROW_AT, TOTAL, ROW_MEMORY, RATE, WINDOW, ROW }; /* series.Row */

/* rates.next_rate, float for float; -1 = that is for Python. */
static int64_t next_rate(const int64_t *row, const int64_t *sample, int64_t received, int64_t most_cpu, int64_t most_memory)
{
    int64_t off;
    if (row[ROW_AT] <= 0 || row[ROW_AT] >= sample[AT] || sample[CPU] < row[TOTAL] || row[TOTAL] < 0)
        return -1;
    if (sample[START] != row[ROW_START] || sample[START] > sample[AT] || sample[MEMORY] > most_memory)
        return -1;
    if (__builtin_sub_overflow(sample[AT], received, &off) || off < -CLOCK_NS || off > CLOCK_NS)
        return -1;
    int64_t window = sample[AT] - row[ROW_AT];
    double seconds = (double)(window / NANO) + (double)(window % NANO) / 1e9;
    double rate = (double)(sample[CPU] - row[TOTAL]) / seconds;
    if (!(rate < 9223372036854775808.0) || (int64_t)rate > most_cpu)
        return -1;
    return (int64_t)rate;
}

static PyObject *native_take(PyObject *module, PyObject *args)
{
    const char *samples, *offsets;
    Py_ssize_t samples_size, offsets_size;
    PyObject *owners;
    long long received, most_cpu, most_memory;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#O!y#LLL", &samples, &samples_size, &PyTuple_Type, &owners, &offsets, &offsets_size,
                          &received, &most_cpu, &most_memory))
        return NULL;
    Py_ssize_t rows = PyTuple_Size(owners);
    if (samples_size < rows * (Py_ssize_t)sizeof(int64_t[COLUMNS]) || offsets_size != rows * (Py_ssize_t)sizeof(int32_t)) {
        PyErr_SetString(PyExc_ValueError, "an owner and an offset for each sample");
        return NULL;
    }
    int64_t oldest = received;
    PyObject *left = PyList_New(0);
    for (Py_ssize_t index = 0; left != NULL && index < rows; index++) {
        PyObject *owner = PyTuple_GetItem(owners, index);
        int64_t sample[COLUMNS], row[ROW];
        int32_t offset;
        memcpy(sample, samples + (size_t)index * sizeof sample, sizeof sample);
        memcpy(&offset, offsets + (size_t)index * sizeof offset, sizeof offset);
        if (!PyObject_TypeCheck(owner, &PyByteArray_Type) || offset < 0 ||
            PyByteArray_Size(owner) < (Py_ssize_t)offset + (Py_ssize_t)sizeof row) {
            PyErr_SetString(PyExc_ValueError, "no row at this offset");
            Py_CLEAR(left);
            break;
        }
        char *place = PyByteArray_AsString(owner) + offset;
        memcpy(row, place, sizeof row);
        int64_t rate = next_rate(row, sample, received, most_cpu, most_memory);
        if (rate < 0) {
            PyObject *number = PyLong_FromSsize_t(index);
            if (number == NULL || PyList_Append(left, number) < 0)
                Py_CLEAR(left);
            Py_XDECREF(number);
            continue;
        }
        int64_t next[ROW] = {received,   NO_GAP,         received, row[ROW_START],           sample[AT],
                             sample[CPU], sample[MEMORY], rate,     sample[AT] - row[ROW_AT]};
        memcpy(place, next, sizeof next);
        oldest = sample[AT] < oldest ? sample[AT] : oldest;
    }
    return left == NULL ? NULL : Py_BuildValue("LN", (long long)oldest, left);
}

/* ---- the module ---- */

static PyMethodDef METHODS[] = {
    {"texts", native_texts, METH_VARARGS, "What stands before each number of a page, and the hash of all that."},
    {"read", native_read, METH_VARARGS, "The samples of a page that differs from an earlier one in its numbers only."},
    {"take", native_take, METH_VARARGS, "Take samples into rows; those that are no ordinary successor are left."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "autoscaler.core._native", "See _native.pyi.", 0, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&MODULE); }
