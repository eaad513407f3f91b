{{ metric_dora('month') }}
