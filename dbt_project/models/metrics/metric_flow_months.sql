{{ flow_table('metric_flow_month_key', 'month', by_type=true) }}
