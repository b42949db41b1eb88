/* Numbers as kubelets write them, for _native.c: `digits[.digits][e[+-]digits]`, and nothing else. */
#ifndef AUTOSCALER_NUMBER_H
#define AUTOSCALER_NUMBER_H

#include <Python.h>

#include <stdint.h>
#include <string.h>

#define LONGEST 64             /* bytes of a number and its time */
#define MILLI INT64_C(1000000) /* nanoseconds */

static int is_digit(char each) { return each >= '0' && each <= '9'; }

static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The double nearest to `digits[.digits][e[+-]digits]`, as Python's float() gives it; NULL for anything else, else what
 * follows. `*value` is at least 0. */
static const char *read_double(const char *at, const char *end, double *value)
{
    const char *begun = at;
    uint64_t digits = 0;
    int count = 0, scale = 0, power = 0;
    for (; at < end && is_digit(*at); at++, count++)
        digits = count < 18 ? digits * 10 + (uint64_t)(*at - '0') : digits;
    if (at == begun)
        return NULL;
    if (at < end && *at == '.') {
        const char *point = ++at;
        for (; at < end && is_digit(*at); at++, count++, scale++)
            digits = count < 18 ? digits * 10 + (uint64_t)(*at - '0') : digits;
        if (at == point)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        int negative = 0;
        if (++at < end && (*at == '+' || *at == '-'))
            negative = *at++ == '-';
        const char *first = at;
        for (; at < end && is_digit(*at); at++)
            power = power < 1000 ? power * 10 + (*at - '0') : power;
        if (at == first)
            return NULL;
        power = negative ? -power : power;
    }
    power -= scale;
    if (count <= 18 && digits <= (UINT64_C(1) << 53) && power >= -22 && power <= 22) {
        /* both are exact, so the one rounding of the quotient is the right one (Clinger 1990) */
        *value = power < 0 ? (double)digits / TENS[-power] : (double)digits * TENS[power];
        return at;
    }
    char copy[LONGEST + 1];
    if (at - begun > LONGEST)
        return NULL;
    memcpy(copy, begun, (size_t)(at - begun));
    copy[at - begun] = '\0';
    *value = PyOS_string_to_double(copy, NULL, NULL);
    if (*value == -1.0 && PyErr_Occurred()) {
        PyErr_Clear();
        return NULL;
    }
    return at;
}

/* A value below `limit` and, behind one blank, milliseconds of an int64 of nanoseconds; `*ms` is -1 without. */
static int read_number(const char *at, const char *end, double limit, double *value, int64_t *ms)
{
    at = read_double(at, end, value);
    *ms = -1;
    if (at == NULL || !(*value < limit))
        return 0;
    if (at == end)
        return 1;
    if (*at++ != ' ' || at == end || end - at > 13)
        return 0;
    for (*ms = 0; at < end; at++) {
        if (!is_digit(*at))
            return 0;
        *ms = *ms * 10 + (*at - '0');
    }
    return *ms <= INT64_MAX / MILLI;
}

#endif
