{{ flow_table('metric_flow_month_total_key', 'month') }}
