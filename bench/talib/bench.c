// Times functions of TA-Lib's C over the series of BenchmarkBeside in insight/indicator,
// and prints the least time of a bar over all rounds, in nanoseconds.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include "ta_func.h"

enum { N = 4000, ROUNDS = 4000 };
static double high[N], low[N], close_[N], a[N], b[N], c[N];

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

#define TIME(name, call)                              \
	do {                                              \
		double least = 1e18;                          \
		for (int i = 0; i < ROUNDS; i++) {            \
			double begun = now();                     \
			call;                                     \
			double took = now() - begun;              \
			if (took < least) least = took;           \
		}                                             \
		printf("%s %.2f\n", name, least / N);         \
	} while (0)

int main(void) {
	uint32_t state = 7;
	double price = 100;
	int begin, count;
	for (int i = 0; i < N; i++) {
		state = state * 1664525u + 1013904223u;
		double open = price;
		price *= 1 + 0.01 * ((double)(state >> 8) - 2001.0 * (double)((state >> 8) / 2001) - 1000) / 1000;
		high[i] = (open > price ? open : price) * 1.002;
		low[i] = (open < price ? open : price) * 0.998;
		close_[i] = price;
	}
	TA_Initialize();
	TIME("SMA", TA_SMA(0, N - 1, close_, 30, &begin, &count, a));
	TIME("EMA", TA_EMA(0, N - 1, close_, 30, &begin, &count, a));
	TIME("RSI", TA_RSI(0, N - 1, close_, 14, &begin, &count, a));
	TIME("MACD", TA_MACD(0, N - 1, close_, 12, 26, 9, &begin, &count, a, b, c));
	TIME("BBANDS", TA_BBANDS(0, N - 1, close_, 20, 2, 2, TA_MAType_SMA, &begin, &count, a, b, c));
	TIME("ATR", TA_ATR(0, N - 1, high, low, close_, 14, &begin, &count, a));
	TIME("ADX", TA_ADX(0, N - 1, high, low, close_, 14, &begin, &count, a));
	TIME("STOCH", TA_STOCH(0, N - 1, high, low, close_, 5, 3, TA_MAType_SMA, 3, TA_MAType_SMA, &begin, &count, a, b));
	return 0;
}
