{{ metric_dora('week') }}
