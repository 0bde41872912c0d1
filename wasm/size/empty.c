/* Nothing: the exported functions pull in what they need from the library. */
typedef int nothing;
