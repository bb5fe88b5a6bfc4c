module github.com/assayhq/assay

go 1.26

require github.com/govalues/decimal v0.1.36 // indirect
