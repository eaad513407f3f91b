{{ flow_table('metric_flow_team_month_key', 'month', by_team=true, by_type=true) }}
