/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner prints: lines, TAP, or JUnit. */
#pragma once

#include <stdio.h>

#include "nsdrill/script.h"

enum report_format { REPORT_LINES, REPORT_TAP, REPORT_JUNIT };

struct report {
	enum report_format format;
	bool quiet; /* only failures */
	unsigned passed, failed, count;
};

void report_begin(struct report *r);
/* @diag NULL: passed. */
void report_result(struct report *r, const char *path, const char *target, const char *variant,
		   double secs, const struct diag *diag);
void report_end(struct report *r, double secs);
