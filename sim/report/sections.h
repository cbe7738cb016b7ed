/* Tables of the text report: SQL makes the cells, C aligns them. */
#ifndef SIM_REPORT_SECTIONS_H
#define SIM_REPORT_SECTIONS_H

#include <stdio.h>

struct sqlite3;

/* Prints all sections that have rows. 0 or ERR_SYSTEM with SQLite's own message in the database. */
int sections_print(struct sqlite3 *db, FILE *out);

/* One table: headings are the names of the columns; the first column is aligned left, the others
 * right. Nothing is printed, not even the title, when there are no rows. */
int sections_print_table(struct sqlite3 *db, const char *title, const char *sql, FILE *out);

#endif
