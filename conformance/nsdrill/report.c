/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner prints. */
#include "nsdrill/report.h"

#include <string.h>

void report_begin(struct report *r)
{
	if (r->format == REPORT_TAP)
		printf("TAP version 13\n");
	if (r->format == REPORT_JUNIT)
		printf("<?xml version=\"1.0\"?>\n<testsuite name=\"nsdrill\">\n");
}

static void print_xml(const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", stdout);
		else if (*s == '>')
			fputs("&gt;", stdout);
		else if (*s == '&')
			fputs("&amp;", stdout);
		else if (*s == '"')
			fputs("&quot;", stdout);
		else
			putchar(*s);
	}
}

static void print_comment(const char *s)
{
	for (; *s; s += strcspn(s, "\n"), s += *s == '\n')
		printf("# %.*s\n", (int)strcspn(s, "\n"), s);
}

static void print_place(const char *path, const struct diag *diag)
{
	if (diag->at.line)
		printf("%s:%d:%d: ", path, diag->at.line, diag->at.col);
	else
		printf("%s: ", path);
}

void report_result(struct report *r, const char *path, const char *target, const char *variant,
		   double secs, const struct diag *diag)
{
	r->count++;
	r->passed += !diag;
	r->failed += !!diag;
	switch (r->format) {
	case REPORT_LINES:
		if (diag || !r->quiet)
			printf("%s %s (%s, %s)\n", diag ? "FAIL" : "ok  ", path, target, variant);
		if (diag) {
			print_place(path, diag);
			printf("%s\n", diag->text);
		}
		break;
	case REPORT_TAP:
		printf("%sok %u - %s (%s, %s)\n", diag ? "not " : "", r->count, path, target,
		       variant);
		if (diag) {
			printf("# line %d column %d\n", diag->at.line, diag->at.col);
			print_comment(diag->text);
		}
		break;
	case REPORT_JUNIT:
		printf("  <testcase classname=\"%s.%s\" name=\"", target, variant);
		print_xml(path);
		printf("\" time=\"%.6f\">", secs);
		if (diag) {
			printf("<failure message=\"line %d column %d\">", diag->at.line,
			       diag->at.col);
			print_xml(diag->text);
			printf("</failure>");
		}
		printf("</testcase>\n");
		break;
	}
	fflush(stdout);
}

void report_end(struct report *r, double secs)
{
	if (r->format == REPORT_TAP)
		printf("1..%u\n", r->count);
	else if (r->format == REPORT_JUNIT)
		printf("</testsuite>\n");
	else
		printf("%u passed, %u failed in %.3f s (%.0f a second)\n", r->passed, r->failed,
		       secs, secs > 0 ? r->count / secs : 0);
}
