{{ flow_table('metric_flow_day_key', 'day', by_type=true) }}
