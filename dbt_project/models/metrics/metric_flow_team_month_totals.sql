{{ flow_table('metric_flow_team_month_total_key', 'month', by_team=true) }}
