/* What the workers run. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#define PROGRAMS 4
/* Each defines step(), which is called many times, and result(). */
extern const char *const programs[PROGRAMS];

#endif
